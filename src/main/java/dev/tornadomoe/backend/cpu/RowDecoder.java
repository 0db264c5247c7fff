package dev.tornadomoe.backend.cpu;

/// What turns the rows of one weight matrix into F32.
@FunctionalInterface
interface RowDecoder {

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param target has as many elements as the matrix has columns, from `at` on
  void decode(int row, float[] target, int at);
}
