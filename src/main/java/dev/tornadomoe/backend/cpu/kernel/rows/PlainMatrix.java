package dev.tornadomoe.backend.cpu.kernel.rows;

/// A matrix whose kernel reads the activations as they are: F32 rows one behind the other.
public interface PlainMatrix extends CpuMatrix {

  /// Elements from one staged row of x to the next: the columns, rounded up to what the kernel
  /// reads. What is behind the columns is zeros.
  int paddedColumns();

  /// See [CpuMatrix#multiply].
  ///
  /// @param x rows of [#paddedColumns] elements
  /// @param tokens how many
  void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work);

  @Override
  default RowForm form() {
    return new RowForm.Plain(columns(), paddedColumns());
  }

  @Override
  default void multiply(
      int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work) {
    multiply(rowFrom, rowTo, x.floats, x.tokens(), y, yStride, work);
  }
}
