package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.TensorView;
import java.util.Set;

/// How many weights share a scale.
///
/// @param rows of them, 0 for all
/// @param columns of them, 0 for all
record Granularity(int rows, int columns) {
  static final Granularity TENSOR = new Granularity(0, 0);
  static final Granularity CHANNEL = new Granularity(1, 0);

  static Granularity group(int columns) {
    return new Granularity(1, columns);
  }

  /// Blocks of rows in a matrix of so many.
  int rowBlocks(int matrixRows) {
    return rows == 0 ? 1 : Math.ceilDiv(matrixRows, rows);
  }

  /// Blocks of columns in a matrix of so many.
  int columnBlocks(int matrixColumns) {
    return columns == 0 ? 1 : Math.ceilDiv(matrixColumns, columns);
  }

  /// The tensor that has one number for each block of a matrix: `[row blocks, column blocks]`.
  /// Where an exporter leaves out dimensions of 1 that is the same.
  ///
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when it is missing or has another
  ///   type or shape
  TensorView require(
      TensorStore tensors, String name, Set<DType> types, int matrixRows, int matrixColumns) {
    int rowBlocks = rowBlocks(matrixRows);
    int columnBlocks = columnBlocks(matrixColumns);
    TensorView tensor = tensors.require(name);
    boolean isShort =
        (columnBlocks == 1 && tensor.shape().is(rowBlocks))
            || (columnBlocks == 1 && rowBlocks == 1 && tensor.shape().rank() == 0);
    if (isShort) {
      long[] stored = tensor.shape().rank() == 0 ? new long[0] : new long[] {rowBlocks};
      return tensors.require(name, types, stored);
    }
    return tensors.require(name, types, rowBlocks, columnBlocks);
  }

  /// The numbers of such a tensor.
  GroupGrid grid(TensorView values, RowSelection selection, int matrixColumns) {
    return GroupGrid.rowMajor(values, selection, rows, columns, columnBlocks(matrixColumns));
  }
}
