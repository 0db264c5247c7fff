package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.LANES;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/// Unquantised weights in their file's own rows, lanes along the columns: 4 rows by 4 tokens at
/// once, so that each weight and each activation that is loaded serves four multiplications. Every
/// result is summed in the same order whatever the number of tokens.
final class VectorDense implements CpuMatrix {
  private final int rows;
  private final int columns;
  private final int vectorColumns;
  private final DType type;
  private final TensorView values;
  private final MemorySegment data;

  VectorDense(DenseMatrix matrix) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.vectorColumns = FLOAT.loopBound(columns);
    this.values = matrix.values();
    this.type = values.dtype();
    this.data = values.data();
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
    return List.of(data);
  }

  @Override
  public int paddedColumns() {
    return columns;
  }

  @Override
  public void multiply(int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride) {
    int row = rowFrom;
    for (; row + 3 < rowTo; row += 4) {
      int token = 0;
      for (; token + 3 < tokens; token += 4) {
        fourByFour(row, x, token, y, row - rowFrom, yStride);
      }
      for (; token < tokens; token++) {
        fourByOne(row, x, token, y, token * yStride + row - rowFrom);
      }
    }
    for (; row < rowTo; row++) {
      for (int token = 0; token < tokens; token++) {
        y[token * yStride + row - rowFrom] = one(row, x, token);
      }
    }
  }

  private void fourByFour(int row, float[] x, int token, float[] y, int yRow, int yStride) {
    FloatVector s00 = FloatVector.zero(FLOAT);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    long w0 = (long) row * columns;
    long w1 = w0 + columns;
    long w2 = w1 + columns;
    long w3 = w2 + columns;
    int x0 = token * columns;
    int x1 = x0 + columns;
    int x2 = x1 + columns;
    int x3 = x2 + columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, x0 + c);
      FloatVector b = FloatVector.fromArray(FLOAT, x, x1 + c);
      FloatVector d = FloatVector.fromArray(FLOAT, x, x2 + c);
      FloatVector e = FloatVector.fromArray(FLOAT, x, x3 + c);
      FloatVector w = HalfVectors.load(data, w0 + c, type);
      s00 = w.fma(a, s00);
      s01 = w.fma(b, s01);
      s02 = w.fma(d, s02);
      s03 = w.fma(e, s03);
      w = HalfVectors.load(data, w1 + c, type);
      s10 = w.fma(a, s10);
      s11 = w.fma(b, s11);
      s12 = w.fma(d, s12);
      s13 = w.fma(e, s13);
      w = HalfVectors.load(data, w2 + c, type);
      s20 = w.fma(a, s20);
      s21 = w.fma(b, s21);
      s22 = w.fma(d, s22);
      s23 = w.fma(e, s23);
      w = HalfVectors.load(data, w3 + c, type);
      s30 = w.fma(a, s30);
      s31 = w.fma(b, s31);
      s32 = w.fma(d, s32);
      s33 = w.fma(e, s33);
    }
    int y0 = token * yStride + yRow;
    int y1 = y0 + yStride;
    int y2 = y1 + yStride;
    int y3 = y2 + yStride;
    y[y0] = total(s00, row, x, x0);
    y[y1] = total(s01, row, x, x1);
    y[y2] = total(s02, row, x, x2);
    y[y3] = total(s03, row, x, x3);
    y[y0 + 1] = total(s10, row + 1, x, x0);
    y[y1 + 1] = total(s11, row + 1, x, x1);
    y[y2 + 1] = total(s12, row + 1, x, x2);
    y[y3 + 1] = total(s13, row + 1, x, x3);
    y[y0 + 2] = total(s20, row + 2, x, x0);
    y[y1 + 2] = total(s21, row + 2, x, x1);
    y[y2 + 2] = total(s22, row + 2, x, x2);
    y[y3 + 2] = total(s23, row + 2, x, x3);
    y[y0 + 3] = total(s30, row + 3, x, x0);
    y[y1 + 3] = total(s31, row + 3, x, x1);
    y[y2 + 3] = total(s32, row + 3, x, x2);
    y[y3 + 3] = total(s33, row + 3, x, x3);
  }

  private void fourByOne(int row, float[] x, int token, float[] y, int at) {
    FloatVector s0 = FloatVector.zero(FLOAT);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    long w0 = (long) row * columns;
    long w1 = w0 + columns;
    long w2 = w1 + columns;
    long w3 = w2 + columns;
    int x0 = token * columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, x0 + c);
      s0 = HalfVectors.load(data, w0 + c, type).fma(a, s0);
      s1 = HalfVectors.load(data, w1 + c, type).fma(a, s1);
      s2 = HalfVectors.load(data, w2 + c, type).fma(a, s2);
      s3 = HalfVectors.load(data, w3 + c, type).fma(a, s3);
    }
    y[at] = total(s0, row, x, x0);
    y[at + 1] = total(s1, row + 1, x, x0);
    y[at + 2] = total(s2, row + 2, x, x0);
    y[at + 3] = total(s3, row + 3, x, x0);
  }

  private float one(int row, float[] x, int token) {
    FloatVector sum = FloatVector.zero(FLOAT);
    long w = (long) row * columns;
    int at = token * columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      sum = HalfVectors.load(data, w + c, type).fma(FloatVector.fromArray(FLOAT, x, at + c), sum);
    }
    return total(sum, row, x, at);
  }

  /// Adds up the lanes and the columns behind the last whole vector. By halves and not by
  /// `reduceLanes`, whose order the JDK leaves open.
  private float total(FloatVector lanes, int row, float[] x, int at) {
    FloatVector sum = lanes;
    for (int half = LANES / 2; half > 0; half /= 2) {
      sum = sum.add(sum.rearrange(VectorShuffle.iota(FLOAT, half, 1, true)));
    }
    float total = sum.lane(0);
    for (int c = vectorColumns; c < columns; c++) {
      total = Math.fma(values.getFloat((long) row * columns + c), x[at + c], total);
    }
    return total;
  }
}
