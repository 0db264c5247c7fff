package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// AMD Quark's safetensors exports
/// ([loader](https://github.com/vllm-project/vllm/tree/main/vllm/model_executor/layers/quantization/quark)),
/// as far as their layout is documented there: MXFP4, `weight` U8 `[out, in / 2]` and
/// `weight_scale` U8 `[out, in / 32]`; FP8, `weight` F8_E4M3 with `weight_scale` per tensor or per
/// output. Layers may differ (`layer_quant_config`, `exclude`); each is told by the type that it is
/// stored in.
///
/// @param config for messages
record QuarkQuantization(QuantizationJson config) implements Quantization {

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    TensorView weight = tensors.require(module + ".weight");
    return switch (weight.dtype()) {
      case F32, F16, BF16 -> null;
      case U8 -> Mxfp4PackQuantized.weight(tensors, module, ".weight", rows, columns);
      case F8_E4M3 -> new Fp8Quantization(null).find(tensors, module, rows, columns);
      default ->
          throw config.unsupported(
              String.format(Locale.ROOT, "quark with weights stored as %s", weight.dtype()));
    };
  }
}
