package dev.tornadomoe.backend.cpu.kernel.decode;

/// What turns the rows of one weight matrix into F32.
@FunctionalInterface
interface RowDecoder {

  /// Writes the values of one row, in the order of the activations' columns.
  ///
  /// @param target has as many elements as the matrix has columns, from `at` on
  void decode(int row, float[] target, int at);

  /// Multiplies rows by one token in registers, to the bit as [VectorRows] does what [#decode] has
  /// written: a row or two at a time, so that weights come from memory in one or two streams that
  /// ascend, and are stored nowhere.
  ///
  /// @param row the first one
  /// @param count how many, at most [VectorRows#ROWS]
  /// @param x the token's activations
  /// @param work where the lanes of the rows' sums go, one behind the other from `sums` on. Before
  ///   them is room for the rows: weights behind the last whole vector go where they are in their
  ///   row, what is before them is free to use
  /// @return false when these rows have to be decoded
  default boolean multiply(int row, int count, float[] x, float[] work, int sums) {
    return false;
  }
}
