package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A weight matrix in memory: `[rows, columns]`, row r making output r, so that y = W x.
///
/// Each format is one class. Kernels take its parts as they are; [#decodeRow] serves everybody
/// else.
public sealed interface WeightMatrix
    permits DenseMatrix,
        Int4Matrix,
        Int8Matrix,
        Fp8Matrix,
        Mxfp4Matrix,
        Nvfp4Matrix,
        AffineMatrix,
        BlockMatrix {

  /// {@return how many output features it has}
  int rows();

  /// {@return how many input features it has}
  int columns();

  /// {@return how the elements are stored}
  WeightFormat format();

  /// {@return the memory that it lies in}
  List<MemorySegment> memory();

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param row from 0
  /// @param target at least `columns` long
  default void decodeRow(int row, float[] target) {
    decodeRow(row, target, 0);
  }

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param row from 0
  /// @param target has `columns` elements from `at` on
  /// @param at where the first one goes
  void decodeRow(int row, float[] target, int at);
}
