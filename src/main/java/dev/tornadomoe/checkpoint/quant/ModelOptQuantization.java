package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// NVIDIA Model Optimizer's exports
/// ([source](https://github.com/NVIDIA/Model-Optimizer/tree/main/modelopt/torch/export)): NVFP4,
/// `weight` U8 `[out, in / 2]`, `weight_scale` F8_E4M3 `[out, in / 16]` and `weight_scale_2` F32,
/// which multiplies; FP8, `weight` F8_E4M3 with `weight_scale`. Layers of `ignore` are told by the
/// type that they are stored in.
///
/// @param config for messages
record ModelOptQuantization(QuantizationJson config) implements Quantization {

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    TensorView weight = tensors.require(module + ".weight");
    return switch (weight.dtype()) {
      case F32, F16, BF16 -> null;
      case U8 ->
          Nvfp4PackQuantized.weight(
              tensors, module, ".weight", ".weight_scale_2", false, rows, columns);
      case F8_E4M3 -> new Fp8Quantization(null).find(tensors, module, rows, columns);
      default ->
          throw config.unsupported(
              String.format(Locale.ROOT, "modelopt with weights stored as %s", weight.dtype()));
    };
  }
}
