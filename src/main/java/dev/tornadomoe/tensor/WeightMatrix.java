package dev.tornadomoe.tensor;

/// A weight matrix in memory: `[rows, columns]`, row r making output r, so that y = W x.
///
/// Each format is one class. Kernels take its parts as they are; [#decodeRow] serves everybody
/// else.
public sealed interface WeightMatrix permits DenseMatrix, Int4Matrix {

  int rows();

  int columns();

  WeightFormat format();

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param target at least `columns` long
  void decodeRow(int row, float[] target);
}
