package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// NVIDIA Model Optimizer's exports
/// ([source](https://github.com/NVIDIA/Model-Optimizer/tree/main/modelopt/torch/export)): NVFP4,
/// `weight` U8 `[out, in / 2]`, `weight_scale` F8_E4M3 `[out, in / 16]` and `weight_scale_2` F32,
/// which multiplies; FP8, `weight` F8_E4M3 with `weight_scale`; MXFP8, the same with a U8 for 32
/// columns. Experts in one tensor add to its name what others have as tensors of their own. Layers
/// of `ignore` are told by the type that they are stored in.
///
/// @param config for messages
record ModelOptQuantization(QuantizationJson config) implements Quantization {
  /// AWQ's and SmoothQuant's factors of a layer's inputs.
  private static final String SMOOTHING = ".pre_quant_scale";

  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    TensorView weight = tensors.require(module + ".weight");
    if (tensors.names().contains(module + SMOOTHING)) {
      throw config.unsupported(
          String.format(Locale.ROOT, "\"%s%s\", which multiplies activations,", module, SMOOTHING));
    }
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

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    TensorView values = tensors.find(name);
    return values != null && values.dtype() == DType.U8
        ? Nvfp4Stack.of(tensors, name, experts, outputs, inputs)
        : Fp8Stack.find(tensors, name, experts, outputs, inputs, transposed, Fp8Quantization.USUAL);
  }
}
