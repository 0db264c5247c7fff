package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.HALF;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/// Unquantised weights in their file's own rows, lanes along the columns. Fewer than four tokens:
/// four rows at once, decoded in registers. More: four rows are decoded to F32 in cache and serve
/// all tokens; 4 rows by 4 tokens at once, so that each weight and each activation that is loaded
/// serves four multiplications. Every result is summed in the same order whatever the number of
/// tokens.
///
/// Used in copies, one for each type of weights ([KernelCopies]). No method here hands a vector to
/// another one: where the compiler does not inline that, it makes an object of it.
final class VectorDense implements PlainMatrix {
  private static final DType TYPE = KernelCopies.constants(MethodHandles.lookup(), DType.class);
  private static final boolean WIDE = TYPE == DType.F32;
  private static final boolean F16 = TYPE == DType.F16;
  private static final int BYTES = TYPE.bytes();

  private static final int ROWS = 4;
  private static final int TOKENS = 4;

  /// 2^(127 - 15): what is left between the exponents once an F16's fields are in an F32's places.
  private static final float F16_REBIAS = 0x1p112f;

  /// The sign, and the exponent and mantissa of an F16 in an F32's places.
  private static final int F16_FIELDS = 0x8FFFE000;

  /// Lanes moved down by so many.
  private static final VectorShuffle<Float> BY_8 = down(8);

  private static final VectorShuffle<Float> BY_4 = down(4);
  private static final VectorShuffle<Float> BY_2 = down(2);
  private static final VectorShuffle<Float> BY_1 = down(1);

  private final int rows;
  private final int columns;
  private final int vectorColumns;
  private final TensorView values;
  private final MemorySegment data;

  VectorDense(DenseMatrix matrix) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.vectorColumns = FLOAT.loopBound(columns);
    this.values = matrix.values();
    this.data = values.data();
  }

  private static VectorShuffle<Float> down(int lanes) {
    return VectorShuffle.iota(FLOAT, lanes % LANES, 1, true);
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
  public int workSize() {
    return ROWS * columns + ROWS * TOKENS * LANES;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row += ROWS) {
      int count = Math.min(ROWS, rowTo - row);
      if (tokens < TOKENS && count == ROWS) {
        for (int token = 0; token < tokens; token++) {
          fourRows((long) row * columns, x, token * columns, work);
          store(work, ROWS, 1, row, x, token, y, token * yStride + row - rowFrom, yStride);
        }
        continue;
      }
      decode((long) row * columns, count * columns, work);
      for (int token = 0; token < tokens; token += TOKENS) {
        int at = token * yStride + row - rowFrom;
        if (count == ROWS && token + TOKENS <= tokens) {
          fourByFour(work, x, token * columns);
          store(work, count, TOKENS, row, x, token, y, at, yStride);
        } else {
          int left = Math.min(TOKENS, tokens - token);
          for (int t = 0; t < left; t++) {
            if (count == ROWS) {
              fourByOne(work, x, (token + t) * columns);
            } else {
              oneByOne(work, count, x, (token + t) * columns);
            }
            store(work, count, 1, row, x, token + t, y, at + t * yStride, yStride);
          }
        }
      }
    }
  }

  private void decode(long first, int count, float[] target) {
    int vectors = FLOAT.loopBound(count);
    if (WIDE) {
      decodeF32(first, vectors, target);
    } else if (F16) {
      decodeF16(first, vectors, target);
    } else {
      decodeBf16(first, vectors, target);
    }
    for (int i = vectors; i < count; i++) {
      target[i] = values.getFloat(first + i);
    }
  }

  private void decodeBf16(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF, data, (first + i) * 2, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(target, i);
    }
  }

  /// Rebiasing also normalises subnormals. An F16's infinity comes out of it as 2^16, which scaled
  /// up overflows to infinity while 65504, the largest F16, does not; a NaN becomes an infinity.
  private void decodeF16(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF, data, (first + i) * 2, ORDER)
                  .convertShape(VectorOperators.S2I, INT, 0))
          .lanewise(VectorOperators.LSHL, 13)
          .and(F16_FIELDS)
          .reinterpretAsFloats()
          .mul(F16_REBIAS)
          .mul(F16_REBIAS)
          .mul(1 / F16_REBIAS)
          .intoArray(target, i);
    }
  }

  private void decodeF32(long first, int count, float[] target) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromMemorySegment(FLOAT, data, (first + i) * 4, ORDER).intoArray(target, i);
    }
  }

  /// Four rows by one token, as the weights come from memory.
  private void fourRows(long first, float[] x, int xAt, float[] work) {
    FloatVector s0 = FloatVector.zero(FLOAT);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    long row = (long) columns * BYTES;
    long at = first * BYTES;
    for (int c = 0; c < vectorColumns; c += LANES, at += (long) LANES * BYTES) {
      FloatVector a = FloatVector.fromArray(FLOAT, x, xAt + c);
      if (WIDE) {
        s0 = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER).fma(a, s0);
        s1 = FloatVector.fromMemorySegment(FLOAT, data, at + row, ORDER).fma(a, s1);
        s2 = FloatVector.fromMemorySegment(FLOAT, data, at + 2 * row, ORDER).fma(a, s2);
        s3 = FloatVector.fromMemorySegment(FLOAT, data, at + 3 * row, ORDER).fma(a, s3);
      } else {
        IntVector w0 =
            (IntVector)
                ShortVector.fromMemorySegment(HALF, data, at, ORDER)
                    .convertShape(VectorOperators.S2I, INT, 0);
        IntVector w1 =
            (IntVector)
                ShortVector.fromMemorySegment(HALF, data, at + row, ORDER)
                    .convertShape(VectorOperators.S2I, INT, 0);
        IntVector w2 =
            (IntVector)
                ShortVector.fromMemorySegment(HALF, data, at + 2 * row, ORDER)
                    .convertShape(VectorOperators.S2I, INT, 0);
        IntVector w3 =
            (IntVector)
                ShortVector.fromMemorySegment(HALF, data, at + 3 * row, ORDER)
                    .convertShape(VectorOperators.S2I, INT, 0);
        if (F16) {
          s0 =
              w0.lanewise(VectorOperators.LSHL, 13)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS)
                  .mul(F16_REBIAS)
                  .mul(1 / F16_REBIAS)
                  .fma(a, s0);
          s1 =
              w1.lanewise(VectorOperators.LSHL, 13)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS)
                  .mul(F16_REBIAS)
                  .mul(1 / F16_REBIAS)
                  .fma(a, s1);
          s2 =
              w2.lanewise(VectorOperators.LSHL, 13)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS)
                  .mul(F16_REBIAS)
                  .mul(1 / F16_REBIAS)
                  .fma(a, s2);
          s3 =
              w3.lanewise(VectorOperators.LSHL, 13)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS)
                  .mul(F16_REBIAS)
                  .mul(1 / F16_REBIAS)
                  .fma(a, s3);
        } else {
          s0 = w0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(a, s0);
          s1 = w1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(a, s1);
          s2 = w2.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(a, s2);
          s3 = w3.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(a, s3);
        }
      }
    }
    int sums = ROWS * columns;
    s0.intoArray(work, sums);
    s1.intoArray(work, sums + LANES);
    s2.intoArray(work, sums + 2 * LANES);
    s3.intoArray(work, sums + 3 * LANES);
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

  /// Adds up the lanes of each sum, and the columns behind the last whole vector. By halves and not
  /// by `reduceLanes`, whose order the JDK leaves open.
  private void store(
      float[] work,
      int count,
      int tokens,
      int row,
      float[] x,
      int token,
      float[] y,
      int at,
      int yStride) {
    int lanes = ROWS * columns;
    for (int r = 0; r < count; r++) {
      for (int t = 0; t < tokens; t++, lanes += LANES) {
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
          float weight = values.getFloat((long) (row + r) * columns + c);
          sum = Math.fma(weight, x[(token + t) * columns + c], sum);
        }
        y[at + t * yStride + r] = sum;
      }
    }
  }
}
