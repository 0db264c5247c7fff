package dev.tornadomoe.backend.cpu.kernel.decode;

import dev.tornadomoe.backend.cpu.kernel.rows.PlainMatrix;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Unquantised weights, scalar.
public final class ScalarDense implements PlainMatrix {
  private final int rows;
  private final int columns;
  private final TensorView values;

  public ScalarDense(DenseMatrix matrix) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.values = matrix.values();
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(values.data());
  }

  @Override
  public int paddedColumns() {
    return columns;
  }

  @Override
  public int workSize() {
    return 0;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row++) {
      long start = (long) row * columns;
      for (int token = 0; token < tokens; token++) {
        y[token * yStride + row - rowFrom] = dot(start, x, token * columns);
      }
    }
  }

  /// Four sums side by side: a single one would add up more rounding errors.
  private float dot(long start, float[] x, int at) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int column = 0;
    for (; column + 3 < columns; column += 4) {
      a = Math.fma(values.getFloat(start + column), x[at + column], a);
      b = Math.fma(values.getFloat(start + column + 1), x[at + column + 1], b);
      c = Math.fma(values.getFloat(start + column + 2), x[at + column + 2], c);
      d = Math.fma(values.getFloat(start + column + 3), x[at + column + 3], d);
    }
    for (; column < columns; column++) {
      a = Math.fma(values.getFloat(start + column), x[at + column], a);
    }
    return (a + b) + (c + d);
  }
}
