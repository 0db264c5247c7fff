package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A weight matrix in memory: `[rows, columns]`, row r making output r, so that y = W x.
///
/// Each format is one class. Kernels take its parts as they are; [#decodeRow] serves everybody
/// else.
public sealed interface WeightMatrix permits DenseMatrix, Int4Matrix {

  int rows();

  int columns();

  WeightFormat format();

  /// The memory that it lies in.
  List<MemorySegment> memory();

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param target at least `columns` long
  void decodeRow(int row, float[] target);
}
