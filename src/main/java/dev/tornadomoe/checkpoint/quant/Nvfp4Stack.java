package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import java.util.Set;

/// NVFP4 experts as NVIDIA Model Optimizer stores those of models that have them in one tensor
/// ([report](https://github.com/sgl-project/sglang/issues/18965)): U8 `[E, out, in / 2]`,
/// `..._scale` F8_E4M3 `[E, out, in / 16]`, and `..._scale_2`, which multiplies: one number for
/// each expert, or two, for the gate's half of the outputs and the up projection's.
///
/// @param file for messages
/// @param values all experts' elements
/// @param scales all experts' scales
/// @param factors `[E, ...]`, one or two for each
/// @param inputs of each expert
record Nvfp4Stack(String file, TensorView values, TensorView scales, TensorView factors, int inputs)
    implements ExpertStack {

  /// The stack of this name, which is there as U8.
  static Nvfp4Stack of(TensorStore tensors, String name, int experts, int outputs, int inputs) {
    TensorView values =
        tensors.require(name, Set.of(DType.U8), experts, outputs, Math.ceilDiv(inputs, 2));
    TensorView scales =
        tensors.require(
            name + "_scale",
            Set.of(DType.F8_E4M3),
            experts,
            outputs,
            Math.ceilDiv(inputs, Nvfp4Matrix.GROUP));
    TensorView factors = tensors.require(name + "_scale_2");
    boolean isOne = factors.shape().is(experts) || factors.shape().is(experts, 1);
    if (!factors.dtype().isFloat() || !(isOne || factors.shape().is(experts, 2))) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected one float, or two, for each of %d experts",
              tensors.fileOf(factors.name()),
              factors.name(),
              factors.dtype(),
              StrictJson.excerpt(factors.shape()),
              experts));
    }
    return new Nvfp4Stack(tensors.fileOf(scales.name()), values, scales, factors, inputs);
  }

  @Override
  public Weight part(int expert, int rows, int first, int step) {
    if (step != 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is NVFP4, which is not supported for outputs of gate and up in"
                  + " turns",
              file,
              values.name()));
    }
    TensorView matrix = values.at(expert);
    return new Nvfp4Weight(
        file,
        matrix.name(),
        inputs,
        matrix.rows(first, (long) first + rows),
        scales.at(expert).rows(first, (long) first + rows),
        factor(expert, first),
        false);
  }

  private TensorView factor(int expert, int first) {
    TensorView ours = factors.at(expert);
    if (ours.shape().elements() == 1) {
      return ours;
    }
    int half = first < values.shape().dimension(1) / 2 ? 0 : 1;
    return ours.rows(half, half + 1);
  }
}
