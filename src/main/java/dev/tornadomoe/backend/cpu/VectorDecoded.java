package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.LANES;

import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/// Weights of any format: four rows are decoded to F32 in cache and serve all tokens, so a layer is
/// never in F32 as a whole. Lanes lie along the columns, and every result is summed in the same
/// order whatever the number of tokens.
///
/// No method here hands a vector to another one: where the compiler does not inline that, it makes
/// an object of it.
final class VectorDecoded implements PlainMatrix {
  private static final int ROWS = 4;
  private static final int TOKENS = 2;

  private final WeightMatrix matrix;
  private final RowDecoder decoder;
  private final int columns;
  private final int vectorColumns;

  /// @param decoder of the matrix's rows
  VectorDecoded(WeightMatrix matrix, RowDecoder decoder) {
    this.matrix = matrix;
    this.decoder = decoder;
    this.columns = matrix.columns();
    this.vectorColumns = FLOAT.loopBound(columns);
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
    return ROWS * columns + ROWS * TOKENS * LANES;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row += ROWS) {
      int count = Math.min(ROWS, rowTo - row);
      for (int r = 0; r < count; r++) {
        decoder.decode(row + r, work, r * columns);
      }
      int at = row - rowFrom;
      int token = 0;
      for (; count == ROWS && token + TOKENS <= tokens; token += TOKENS) {
        fourByTwo(work, x, token * columns);
        store(work, count, TOKENS, x, token, y, token * yStride + at, yStride);
      }
      for (; token < tokens; token++) {
        byOne(work, count, x, token * columns);
        store(work, count, 1, x, token, y, token * yStride + at, yStride);
      }
    }
  }

  private void fourByTwo(float[] work, float[] x, int x0) {
    FloatVector s00 = FloatVector.zero(FLOAT);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    int x1 = x0 + columns;
    int w1 = columns;
    int w2 = w1 + columns;
    int w3 = w2 + columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, x0 + c);
      FloatVector b = FloatVector.fromArray(FLOAT, x, x1 + c);
      FloatVector w = FloatVector.fromArray(FLOAT, work, c);
      s00 = w.fma(a, s00);
      s01 = w.fma(b, s01);
      w = FloatVector.fromArray(FLOAT, work, w1 + c);
      s10 = w.fma(a, s10);
      s11 = w.fma(b, s11);
      w = FloatVector.fromArray(FLOAT, work, w2 + c);
      s20 = w.fma(a, s20);
      s21 = w.fma(b, s21);
      w = FloatVector.fromArray(FLOAT, work, w3 + c);
      s30 = w.fma(a, s30);
      s31 = w.fma(b, s31);
    }
    int sums = ROWS * columns;
    s00.intoArray(work, sums);
    s01.intoArray(work, sums + LANES);
    s10.intoArray(work, sums + 2 * LANES);
    s11.intoArray(work, sums + 3 * LANES);
    s20.intoArray(work, sums + 4 * LANES);
    s21.intoArray(work, sums + 5 * LANES);
    s30.intoArray(work, sums + 6 * LANES);
    s31.intoArray(work, sums + 7 * LANES);
  }

  private void byOne(float[] work, int count, float[] x, int x0) {
    for (int r = 0; r < count; r++) {
      FloatVector sum = FloatVector.zero(FLOAT);
      for (int c = 0; c < vectorColumns; c += LANES) {
        sum =
            FloatVector.fromArray(FLOAT, work, r * columns + c)
                .fma(FloatVector.fromArray(FLOAT, x, x0 + c), sum);
      }
      sum.intoArray(work, ROWS * columns + r * LANES);
    }
  }

  /// Adds up the lanes of each sum, and the columns behind the last whole vector. By halves and not
  /// by `reduceLanes`, whose order the JDK leaves open.
  private void store(
      float[] work, int count, int tokens, float[] x, int token, float[] y, int at, int yStride) {
    for (int r = 0; r < count; r++) {
      for (int t = 0; t < tokens; t++) {
        int lanes = ROWS * columns + (r * tokens + t) * LANES;
        for (int half = LANES / 2; half > 0; half /= 2) {
          for (int i = lanes; i < lanes + half; i++) {
            work[i] += work[i + half];
          }
        }
        float sum = work[lanes];
        for (int c = vectorColumns; c < columns; c++) {
          sum = Math.fma(work[r * columns + c], x[(token + t) * columns + c], sum);
        }
        y[at + t * yStride + r] = sum;
      }
    }
  }
}
