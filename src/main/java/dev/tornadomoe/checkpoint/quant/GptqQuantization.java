package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// GPTQ as AutoGPTQ, GPTQModel and AutoRound store it
/// ([source](https://github.com/ModelCloud/GPTQModel/blob/main/gptqmodel/nn_modules/qlinear/__init__.py)):
/// value = (q - zero) * scale with `qweight` I32 `[ceil(in / 8), out]`, lowest input in the lowest
/// bits, `qzeros` I32 `[groups, out / 8]`, `scales` `[groups, out]`, and `g_idx` `[in]`, the group
/// of each input; with 8 bits four elements to a word instead of eight. Version 1
/// (`checkpoint_format` "gptq") stores each zero minus one, modulo 16 or 256, version 2 as it is.
///
/// @param rules what the config says, and of some modules otherwise
record GptqQuantization(ModuleRules rules) implements Quantization {

  static Quantization of(QuantizationJson config) {
    return new GptqQuantization(ModuleRules.dynamic(config));
  }

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    boolean packed = tensors.names().contains(module + ".qweight");
    if (!packed && tensors.names().contains(module + ".weight")) {
      return null; // not among the quantised modules
    }
    QuantizationJson fields = rules.of(module);
    if (fields == null) {
      throw rules.leftOut(tensors, module);
    }
    int bits = fields.number("bits", 4);
    String format = fields.text("checkpoint_format", fields.text("format", "gptq"));
    if ((bits != 4 && bits != 8) || !(format.equals("gptq") || format.equals("gptq_v2"))) {
      throw fields.unsupported(
          String.format(
              Locale.ROOT, "GPTQ with %d bits in checkpoint_format \"%s\"", bits, format));
    }
    int zeroOffset = format.equals("gptq") ? 1 : 0;
    GptqParts parts = GptqParts.find(fields, tensors, module, rows, columns, 32 / bits, zeroOffset);
    return bits == 4 ? new Gptq4Weight(parts) : new Gptq8Weight(parts);
  }
}
