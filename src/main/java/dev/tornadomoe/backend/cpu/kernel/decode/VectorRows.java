package dev.tornadomoe.backend.cpu.kernel.decode;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/// Up to four rows of weights, decoded to F32 in a thread's work space, times any number of tokens:
/// 4 rows by 4 or 2 tokens at once, so that each weight and each activation that is loaded serves
/// several multiplications. Lanes lie along the columns, and every result is summed in the same
/// order whatever the number of tokens.
///
/// No method here hands a vector to another one: where the compiler does not inline that, it makes
/// an object of it.
public final class VectorRows {
  /// The most rows.
  static final int ROWS = 4;

  /// The most tokens at once. Vectors of 512 bits come with 32 registers, which are enough for the
  /// sums of four tokens, others with 16, which are enough for those of two.
  private static final int TOKENS = LANES < 16 ? 2 : 4;

  private static final int PAIR = 2;

  /// Lanes moved down by so many.
  private static final VectorShuffle<Float> BY_8 = down(8);

  private static final VectorShuffle<Float> BY_4 = down(4);
  private static final VectorShuffle<Float> BY_2 = down(2);
  private static final VectorShuffle<Float> BY_1 = down(1);

  private final int columns;
  private final int vectorColumns;

  public VectorRows(int columns) {
    this.columns = columns;
    this.vectorColumns = FLOAT.loopBound(columns);
  }

  private static VectorShuffle<Float> down(int lanes) {
    return VectorShuffle.iota(FLOAT, lanes % LANES, 1, true);
  }

  /// Elements of work space: the rows one behind the other, and behind them from [#sums] on room
  /// for the lanes of sums.
  public int workSize() {
    return sums() + ROWS * TOKENS * LANES;
  }

  /// Where in the work space the first row's lanes of sums are.
  int sums() {
    return ROWS * columns;
  }

  /// Multiplies the rows in the work space.
  ///
  /// @param count how many they are
  /// @param x tokens one behind the other
  /// @param at where the first row's result for the first token goes
  void multiply(float[] work, int count, float[] x, int tokens, float[] y, int at, int yStride) {
    int width;
    for (int token = 0; token < tokens; token += width) {
      width = count == ROWS ? atOnce(tokens - token) : 1;
      if (count < ROWS) {
        oneByOne(work, count, x, token * columns);
      } else if (width == 1) {
        fourByOne(work, x, token * columns);
      } else if (width == PAIR) {
        fourByTwo(work, x, token * columns);
      } else {
        fourByFour(work, x, token * columns);
      }
      store(work, count, width, x, token, y, at, yStride);
    }
  }

  private static int atOnce(int tokens) {
    return tokens >= TOKENS ? TOKENS : Math.min(PAIR, tokens);
  }

  private void fourByFour(float[] work, float[] x, int x0) {
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
    int x1 = x0 + columns;
    int x2 = x1 + columns;
    int x3 = x2 + columns;
    int w1 = columns;
    int w2 = w1 + columns;
    int w3 = w2 + columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, x0 + c);
      FloatVector b = FloatVector.fromArray(FLOAT, x, x1 + c);
      FloatVector d = FloatVector.fromArray(FLOAT, x, x2 + c);
      FloatVector e = FloatVector.fromArray(FLOAT, x, x3 + c);
      FloatVector w = FloatVector.fromArray(FLOAT, work, c);
      s00 = w.fma(a, s00);
      s01 = w.fma(b, s01);
      s02 = w.fma(d, s02);
      s03 = w.fma(e, s03);
      w = FloatVector.fromArray(FLOAT, work, w1 + c);
      s10 = w.fma(a, s10);
      s11 = w.fma(b, s11);
      s12 = w.fma(d, s12);
      s13 = w.fma(e, s13);
      w = FloatVector.fromArray(FLOAT, work, w2 + c);
      s20 = w.fma(a, s20);
      s21 = w.fma(b, s21);
      s22 = w.fma(d, s22);
      s23 = w.fma(e, s23);
      w = FloatVector.fromArray(FLOAT, work, w3 + c);
      s30 = w.fma(a, s30);
      s31 = w.fma(b, s31);
      s32 = w.fma(d, s32);
      s33 = w.fma(e, s33);
    }
    int sums = w3 + columns;
    s00.intoArray(work, sums);
    s01.intoArray(work, sums + LANES);
    s02.intoArray(work, sums + 2 * LANES);
    s03.intoArray(work, sums + 3 * LANES);
    s10.intoArray(work, sums + 4 * LANES);
    s11.intoArray(work, sums + 5 * LANES);
    s12.intoArray(work, sums + 6 * LANES);
    s13.intoArray(work, sums + 7 * LANES);
    s20.intoArray(work, sums + 8 * LANES);
    s21.intoArray(work, sums + 9 * LANES);
    s22.intoArray(work, sums + 10 * LANES);
    s23.intoArray(work, sums + 11 * LANES);
    s30.intoArray(work, sums + 12 * LANES);
    s31.intoArray(work, sums + 13 * LANES);
    s32.intoArray(work, sums + 14 * LANES);
    s33.intoArray(work, sums + 15 * LANES);
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
    int sums = w3 + columns;
    s00.intoArray(work, sums);
    s01.intoArray(work, sums + LANES);
    s10.intoArray(work, sums + 2 * LANES);
    s11.intoArray(work, sums + 3 * LANES);
    s20.intoArray(work, sums + 4 * LANES);
    s21.intoArray(work, sums + 5 * LANES);
    s30.intoArray(work, sums + 6 * LANES);
    s31.intoArray(work, sums + 7 * LANES);
  }

  private void fourByOne(float[] work, float[] x, int x0) {
    FloatVector s0 = FloatVector.zero(FLOAT);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int w1 = columns;
    int w2 = w1 + columns;
    int w3 = w2 + columns;
    for (int c = 0; c < vectorColumns; c += LANES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, x0 + c);
      s0 = FloatVector.fromArray(FLOAT, work, c).fma(a, s0);
      s1 = FloatVector.fromArray(FLOAT, work, w1 + c).fma(a, s1);
      s2 = FloatVector.fromArray(FLOAT, work, w2 + c).fma(a, s2);
      s3 = FloatVector.fromArray(FLOAT, work, w3 + c).fma(a, s3);
    }
    int sums = w3 + columns;
    s0.intoArray(work, sums);
    s1.intoArray(work, sums + LANES);
    s2.intoArray(work, sums + 2 * LANES);
    s3.intoArray(work, sums + 3 * LANES);
  }

  private void oneByOne(float[] work, int count, float[] x, int x0) {
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

  /// Adds up the lanes of each sum, and the columns behind the last whole vector, whose weights
  /// have to be in their rows. By halves and not by `reduceLanes`, whose order the JDK leaves open.
  ///
  /// @param count of rows
  /// @param tokens so many sums for each row
  /// @param token the first one
  void store(
      float[] work, int count, int tokens, float[] x, int token, float[] y, int at, int yStride) {
    int lanes = sums();
    for (int r = 0; r < count; r++) {
      for (int t = token; t < token + tokens; t++, lanes += LANES) {
        FloatVector sums = FloatVector.fromArray(FLOAT, work, lanes);
        if (LANES > 8) {
          sums = sums.add(sums.rearrange(BY_8));
        }
        if (LANES > 4) {
          sums = sums.add(sums.rearrange(BY_4));
        }
        sums = sums.add(sums.rearrange(BY_2));
        sums = sums.add(sums.rearrange(BY_1));
        float sum = sums.lane(0);
        for (int c = vectorColumns; c < columns; c++) {
          sum = Math.fma(work[r * columns + c], x[t * columns + c], sum);
        }
        y[at + t * yStride + r] = sum;
      }
    }
  }
}
