package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// FP8 experts: F8_E4M3 `[E, out, in]` or `[E, in, out]`, with the scales in a tensor that adds
/// `_scale_inv` or `_scale` to the name. Their shape says what they are for: `[E]` and `[E, 1, 1]`
/// each expert; `[E, out]`, `[E, out, 1]` and `[E, 1, out]` each output; `[E, out, in / 32]` is
/// MXFP8; otherwise blocks, in the order of the values' dimensions
/// ([transformers](https://github.com/huggingface/transformers/tree/main/src/transformers/integrations),
/// `finegrained_fp8.py` and `fbgemm_fp8.py`).
///
/// @param file for messages
/// @param values all experts
/// @param transposed whether they are `[E, in, out]`
/// @param scales `[E, ...]`
/// @param granularity of the scales
record Fp8Stack(
    String file, TensorView values, boolean transposed, TensorView scales, Granularity granularity)
    implements ExpertStack {
  private static final List<String> SCALES = List.of("_scale_inv", "_scale");

  /// The stack of this name, or null when it is not FP8.
  ///
  /// @param block rows and columns of a block
  static @Nullable ExpertStack find(
      TensorStore tensors,
      String name,
      int experts,
      int outputs,
      int inputs,
      boolean transposed,
      Granularity block) {
    TensorView values = tensors.find(name);
    if (values == null || values.dtype() != DType.F8_E4M3) {
      return null;
    }
    values =
        transposed
            ? tensors.require(name, Set.of(DType.F8_E4M3), experts, inputs, outputs)
            : tensors.require(name, Set.of(DType.F8_E4M3), experts, outputs, inputs);
    TensorView scales = requireScales(tensors, name);
    Granularity granularity = granularity(scales, experts, outputs, inputs, transposed, block);
    if (granularity == null || !FloatQuantized.SCALES.contains(scales.dtype())) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected F32, F16, BF16, F8_E8M0 or U8 with a scale for"
                  + " each of %d experts, each of %d outputs or each block of %dx%d",
              tensors.fileOf(scales.name()),
              scales.name(),
              scales.dtype(),
              StrictJson.excerpt(scales.shape()),
              experts,
              outputs,
              block.rows(),
              block.columns()));
    }
    return new Fp8Stack(
        tensors.fileOf(scales.name()),
        values,
        transposed,
        FloatQuantized.asFloats(scales),
        granularity);
  }

  private static TensorView requireScales(TensorStore tensors, String name) {
    for (String suffix : SCALES) {
      TensorView scales = tensors.find(name + suffix);
      if (scales != null) {
        return scales;
      }
    }
    return tensors.require(name + SCALES.getFirst());
  }

  private static @Nullable Granularity granularity(
      TensorView scales,
      int experts,
      int outputs,
      int inputs,
      boolean transposed,
      Granularity block) {
    if (scales.shape().is(experts)
        || scales.shape().is(experts, 1)
        || scales.shape().is(experts, 1, 1)) {
      return Granularity.TENSOR;
    }
    if (scales.shape().is(experts, outputs)
        || scales.shape().is(experts, outputs, 1)
        || scales.shape().is(experts, 1, outputs)) {
      return Granularity.CHANNEL;
    }
    int rows = block.rowBlocks(outputs);
    int columns = block.columnBlocks(inputs);
    boolean fits =
        transposed
            ? scales.shape().is(experts, columns, rows)
            : scales.shape().is(experts, rows, columns);
    boolean isMx =
        !transposed && scales.shape().is(experts, outputs, FloatQuantized.MX.columnBlocks(inputs));
    return isMx ? FloatQuantized.MX : fits ? block : null;
  }

  @Override
  public Weight part(int expert, int rows, int first, int step) {
    TensorView matrix = values.at(expert);
    RowSelection selection = new RowSelection(rows, first, step);
    return new Fp8Weight(file, matrix.name(), matrix, transposed, grid(expert, selection));
  }

  private GroupGrid grid(int expert, RowSelection selection) {
    TensorView ours = scales.at(expert);
    long outputs = values.shape().dimension(transposed ? 2 : 1);
    long inputs = values.shape().dimension(transposed ? 1 : 2);
    int columns = granularity.columns();
    int rows = granularity.rows();
    return transposed && columns != 0
        ? new GroupGrid(ours, selection, rows, columns, 1, granularity.rowBlocks((int) outputs))
        : GroupGrid.rowMajor(
            ours, selection, rows, columns, granularity.columnBlocks((int) inputs));
  }
}
