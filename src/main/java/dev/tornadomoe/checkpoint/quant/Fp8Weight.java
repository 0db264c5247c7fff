package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;

/// An FP8 weight, or a part of the outputs of one. The file's own bytes are used unless it stores
/// them transposed.
///
/// @param file for messages
/// @param name for messages
/// @param values F8_E4M3, `[stored outputs, in]`, or transposed
/// @param transposed whether they are `[in, stored outputs]`
/// @param scales with the selection of outputs
record Fp8Weight(String file, String name, TensorView values, boolean transposed, GroupGrid scales)
    implements Weight {

  @Override
  public int rows() {
    return scales.rows().count();
  }

  @Override
  public int columns() {
    return Math.toIntExact(values.shape().dimension(transposed ? 0 : 1));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(
        Coding.FP8, scales.values().dtype(), scales.rowsPerValue(), scales.columnsPerValue());
  }

  @Override
  public long bytesToLoad() {
    return transposed ? (long) rows() * columns() : 0;
  }

  @Override
  public Fp8Matrix load(Arena arena) {
    ScaleChecks.requirePositive(file, scales.values());
    RowSelection selection = scales.rows();
    if (!transposed) {
      return new Fp8Matrix(values, selection, scales);
    }
    TensorView ours =
        values.transposed(selection.count(), selection.first(), selection.step(), arena);
    return new Fp8Matrix(ours, RowSelection.all(rows()), scales);
  }
}
