package dev.tornadomoe.backend.cpu.kernel.decode;

import dev.tornadomoe.backend.cpu.kernel.rows.PlainMatrix;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Weights of any format, one row at a time decoded into the thread's work space, scalar.
public final class ScalarDecoded implements PlainMatrix {
  private final WeightMatrix matrix;
  private final int columns;

  public ScalarDecoded(WeightMatrix matrix) {
    this.matrix = matrix;
    this.columns = matrix.columns();
  }

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public List<MemorySegment> memory() {
    return matrix.memory();
  }

  @Override
  public int paddedColumns() {
    return columns;
  }

  @Override
  public int workSize() {
    return columns;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row++) {
      matrix.decodeRow(row, work, 0);
      for (int token = 0; token < tokens; token++) {
        y[token * yStride + row - rowFrom] = dot(work, x, token * columns);
      }
    }
  }

  /// Four sums side by side: a single one would add up more rounding errors.
  private float dot(float[] row, float[] x, int at) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int column = 0;
    for (; column + 3 < columns; column += 4) {
      a = Math.fma(row[column], x[at + column], a);
      b = Math.fma(row[column + 1], x[at + column + 1], b);
      c = Math.fma(row[column + 2], x[at + column + 2], c);
      d = Math.fma(row[column + 3], x[at + column + 3], d);
    }
    for (; column < columns; column++) {
      a = Math.fma(row[column], x[at + column], a);
    }
    return (a + b) + (c + d);
  }
}
