package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.HALF;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// 4-bit weights in [Int4Blocks], a lane for each row. A vector of words is decoded nibble by
/// nibble (shift up, shift down, convert) and multiplied by one activation that all lanes share; a
/// group's sum is scaled once. One token: four vectors of rows side by side, to keep enough loads
/// under way. More: two vectors of rows by four tokens, so that each decoded weight serves four
/// multiplications. Every result is summed in the same order whatever the number of tokens and the
/// width of vectors.
///
/// Used in copies, one for each kind of scales and zero points ([KernelCopies]). No method here
/// hands a vector to another one: where the compiler does not inline that, it makes an object of
/// it.
final class VectorInt4 implements CpuMatrix {

  /// What differs between copies.
  ///
  /// @param scales the type of the scales
  /// @param zeroPoints whether there are any
  record Variant(DType scales, boolean zeroPoints) {}

  private static final Variant VARIANT =
      KernelCopies.constants(MethodHandles.lookup(), Variant.class);
  private static final boolean ZERO_POINTS = VARIANT.zeroPoints();
  private static final boolean WIDE_SCALES = VARIANT.scales() == DType.F32;
  private static final boolean F16_SCALES = VARIANT.scales() == DType.F16;

  /// Where a scale's 16 bits go in an F32; an F16's need another exponent then. Scales are finite.
  private static final int SCALE_SHIFT = F16_SCALES ? 13 : 16;

  private static final int SCALE_FIELDS = F16_SCALES ? 0x8FFFE000 : -1;
  private static final float F16_REBIAS = 0x1p112f;

  private static final int WORD_BYTES = Int4Blocks.LANES * 4;

  private final Int4Blocks blocks;
  private final MemorySegment words;
  private final MemorySegment scales;
  private final MemorySegment zeros;
  private final int wordsPerRow;
  private final int wordsPerGroup;
  private final int groups;

  VectorInt4(Int4Blocks blocks) {
    this.blocks = blocks;
    this.words = blocks.words();
    this.scales = blocks.scales();
    MemorySegment zeroPoints = blocks.zeros();
    this.zeros = zeroPoints == null ? MemorySegment.NULL : zeroPoints;
    this.wordsPerRow = blocks.wordsPerRow();
    this.wordsPerGroup = blocks.wordsPerGroup();
    this.groups = blocks.groups();
  }

  @Override
  public int rows() {
    return blocks.rows();
  }

  @Override
  public int columns() {
    return blocks.columns();
  }

  @Override
  public List<MemorySegment> memory() {
    return blocks.memory();
  }

  @Override
  public int paddedColumns() {
    return wordsPerRow * 8;
  }

  /// Decoded scales, and zero points, of four vectors of rows or two.
  @Override
  public int workSize() {
    return 8 * groups * LANES;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    int end = rowTo - rowFrom;
    for (int row = 0; row < end; row += 4 * LANES) {
      int vectors = Math.min(4, Math.ceilDiv(end - row, LANES));
      for (int v = 0; v < vectors; v++) {
        decodeGroups(rowFrom + row + v * LANES, v, work);
      }
      int token = 0;
      for (; token + 3 < tokens && vectors >= 2; token += 4) {
        int at = token * yStride + row;
        twoByFour(rowFrom + row, 0, x, token, y, at, yStride, work);
        if (vectors == 4) {
          twoByFour(rowFrom + row + 2 * LANES, 2, x, token, y, at + 2 * LANES, yStride, work);
        } else if (vectors == 3) {
          for (int t = 0; t < 4; t++) {
            oneByOne(
                rowFrom + row + 2 * LANES, 2, x, token + t, y, at + t * yStride + 2 * LANES, work);
          }
        }
      }
      for (; token < tokens; token++) {
        int at = token * yStride + row;
        if (vectors == 4) {
          fourByOne(rowFrom + row, x, token, y, at, work);
        } else {
          for (int v = 0; v < vectors; v++) {
            oneByOne(rowFrom + row + v * LANES, v, x, token, y, at + v * LANES, work);
          }
        }
      }
    }
  }

  /// The first byte of the words of a vector of rows.
  private long wordsAt(int row) {
    return (long) (row / Int4Blocks.LANES) * wordsPerRow * WORD_BYTES + row % Int4Blocks.LANES * 4L;
  }

  /// Where the decoded scales of a vector of rows begin; its zero points are `4 * groups * LANES`
  /// further on.
  private int scalesAt(int vector) {
    return vector * groups * LANES;
  }

  /// Decodes the scales and zero points of a vector of rows, once for all tokens.
  private void decodeGroups(int row, int vector, float[] work) {
    long from =
        (long) (row / Int4Blocks.LANES) * groups * Int4Blocks.LANES + row % Int4Blocks.LANES;
    int to = scalesAt(vector);
    for (int group = 0; group < groups; group++, from += Int4Blocks.LANES, to += LANES) {
      FloatVector scale;
      if (WIDE_SCALES) {
        scale = FloatVector.fromMemorySegment(FLOAT, scales, from * 4, ORDER);
      } else {
        scale =
            ((IntVector)
                    ShortVector.fromMemorySegment(HALF, scales, from * 2, ORDER)
                        .convertShape(VectorOperators.S2I, INT, 0))
                .lanewise(VectorOperators.LSHL, SCALE_SHIFT)
                .and(SCALE_FIELDS)
                .reinterpretAsFloats();
        if (F16_SCALES) {
          scale = scale.mul(F16_REBIAS);
        }
      }
      scale.intoArray(work, to);
      if (ZERO_POINTS) {
        ((FloatVector)
                ShortVector.fromMemorySegment(HALF, zeros, from * 2, ORDER)
                    .convertShape(VectorOperators.S2F, FLOAT, 0))
            .intoArray(work, to + 4 * groups * LANES);
      }
    }
  }

  private void oneByOne(
      int row, int vector, float[] x, int token, float[] y, int at, float[] work) {
    FloatVector sum = FloatVector.zero(FLOAT);
    long w = wordsAt(row);
    int s = scalesAt(vector);
    int zerosAt = 4 * groups * LANES;
    int xAt = token * wordsPerRow * 8;
    for (int group = 0; group < groups; group++, s += LANES) {
      FloatVector zero = FloatVector.zero(FLOAT);
      if (ZERO_POINTS) {
        zero = FloatVector.fromArray(FLOAT, work, s + zerosAt);
      }
      FloatVector partial = FloatVector.zero(FLOAT);
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        IntVector packed =
            IntVector.fromMemorySegment(INT, words, w + (long) word * WORD_BYTES, ORDER);
        for (int i = 0; i < 8; i++) {
          FloatVector value =
              (FloatVector)
                  packed
                      .lanewise(VectorOperators.LSHL, 28 - 4 * i)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          if (ZERO_POINTS) {
            value = value.sub(zero);
          }
          partial = value.fma(FloatVector.broadcast(FLOAT, x[xAt + word * 8 + i]), partial);
        }
      }
      sum = partial.fma(FloatVector.fromArray(FLOAT, work, s), sum);
    }
    sum.intoArray(y, at);
  }

  private void fourByOne(int row, float[] x, int token, float[] y, int at, float[] work) {
    FloatVector sum0 = FloatVector.zero(FLOAT);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long w0 = wordsAt(row);
    long w1 = wordsAt(row + LANES);
    long w2 = wordsAt(row + 2 * LANES);
    long w3 = wordsAt(row + 3 * LANES);
    int stride = groups * LANES;
    int xAt = token * wordsPerRow * 8;
    for (int group = 0; group < groups; group++) {
      int s = group * LANES;
      FloatVector zero0 = FloatVector.zero(FLOAT);
      FloatVector zero1 = zero0;
      FloatVector zero2 = zero0;
      FloatVector zero3 = zero0;
      if (ZERO_POINTS) {
        zero0 = FloatVector.fromArray(FLOAT, work, s + 4 * stride);
        zero1 = FloatVector.fromArray(FLOAT, work, s + 5 * stride);
        zero2 = FloatVector.fromArray(FLOAT, work, s + 6 * stride);
        zero3 = FloatVector.fromArray(FLOAT, work, s + 7 * stride);
      }
      FloatVector partial0 = FloatVector.zero(FLOAT);
      FloatVector partial1 = partial0;
      FloatVector partial2 = partial0;
      FloatVector partial3 = partial0;
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        long offset = (long) word * WORD_BYTES;
        IntVector packed0 = IntVector.fromMemorySegment(INT, words, w0 + offset, ORDER);
        IntVector packed1 = IntVector.fromMemorySegment(INT, words, w1 + offset, ORDER);
        IntVector packed2 = IntVector.fromMemorySegment(INT, words, w2 + offset, ORDER);
        IntVector packed3 = IntVector.fromMemorySegment(INT, words, w3 + offset, ORDER);
        for (int i = 0; i < 8; i++) {
          int up = 28 - 4 * i;
          FloatVector a = FloatVector.broadcast(FLOAT, x[xAt + word * 8 + i]);
          FloatVector value0 =
              (FloatVector)
                  packed0
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          FloatVector value1 =
              (FloatVector)
                  packed1
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          FloatVector value2 =
              (FloatVector)
                  packed2
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          FloatVector value3 =
              (FloatVector)
                  packed3
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          if (ZERO_POINTS) {
            value0 = value0.sub(zero0);
            value1 = value1.sub(zero1);
            value2 = value2.sub(zero2);
            value3 = value3.sub(zero3);
          }
          partial0 = value0.fma(a, partial0);
          partial1 = value1.fma(a, partial1);
          partial2 = value2.fma(a, partial2);
          partial3 = value3.fma(a, partial3);
        }
      }
      sum0 = partial0.fma(FloatVector.fromArray(FLOAT, work, s), sum0);
      sum1 = partial1.fma(FloatVector.fromArray(FLOAT, work, s + stride), sum1);
      sum2 = partial2.fma(FloatVector.fromArray(FLOAT, work, s + 2 * stride), sum2);
      sum3 = partial3.fma(FloatVector.fromArray(FLOAT, work, s + 3 * stride), sum3);
    }
    sum0.intoArray(y, at);
    sum1.intoArray(y, at + LANES);
    sum2.intoArray(y, at + 2 * LANES);
    sum3.intoArray(y, at + 3 * LANES);
  }

  private void twoByFour(
      int row, int vector, float[] x, int token, float[] y, int at, int yStride, float[] work) {
    FloatVector sum00 = FloatVector.zero(FLOAT);
    FloatVector sum01 = sum00;
    FloatVector sum02 = sum00;
    FloatVector sum03 = sum00;
    FloatVector sum10 = sum00;
    FloatVector sum11 = sum00;
    FloatVector sum12 = sum00;
    FloatVector sum13 = sum00;
    long w0 = wordsAt(row);
    long w1 = wordsAt(row + LANES);
    int stride = groups * LANES;
    int s = scalesAt(vector);
    int x0 = token * wordsPerRow * 8;
    int x1 = x0 + wordsPerRow * 8;
    int x2 = x1 + wordsPerRow * 8;
    int x3 = x2 + wordsPerRow * 8;
    for (int group = 0; group < groups; group++, s += LANES) {
      FloatVector zero0 = FloatVector.zero(FLOAT);
      FloatVector zero1 = zero0;
      if (ZERO_POINTS) {
        zero0 = FloatVector.fromArray(FLOAT, work, s + 4 * stride);
        zero1 = FloatVector.fromArray(FLOAT, work, s + 5 * stride);
      }
      FloatVector partial00 = FloatVector.zero(FLOAT);
      FloatVector partial01 = partial00;
      FloatVector partial02 = partial00;
      FloatVector partial03 = partial00;
      FloatVector partial10 = partial00;
      FloatVector partial11 = partial00;
      FloatVector partial12 = partial00;
      FloatVector partial13 = partial00;
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        long offset = (long) word * WORD_BYTES;
        IntVector packed0 = IntVector.fromMemorySegment(INT, words, w0 + offset, ORDER);
        IntVector packed1 = IntVector.fromMemorySegment(INT, words, w1 + offset, ORDER);
        for (int i = 0; i < 8; i++) {
          int up = 28 - 4 * i;
          FloatVector value0 =
              (FloatVector)
                  packed0
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          FloatVector value1 =
              (FloatVector)
                  packed1
                      .lanewise(VectorOperators.LSHL, up)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convert(VectorOperators.I2F, 0);
          if (ZERO_POINTS) {
            value0 = value0.sub(zero0);
            value1 = value1.sub(zero1);
          }
          int c = word * 8 + i;
          FloatVector a = FloatVector.broadcast(FLOAT, x[x0 + c]);
          partial00 = value0.fma(a, partial00);
          partial10 = value1.fma(a, partial10);
          a = FloatVector.broadcast(FLOAT, x[x1 + c]);
          partial01 = value0.fma(a, partial01);
          partial11 = value1.fma(a, partial11);
          a = FloatVector.broadcast(FLOAT, x[x2 + c]);
          partial02 = value0.fma(a, partial02);
          partial12 = value1.fma(a, partial12);
          a = FloatVector.broadcast(FLOAT, x[x3 + c]);
          partial03 = value0.fma(a, partial03);
          partial13 = value1.fma(a, partial13);
        }
      }
      FloatVector scale = FloatVector.fromArray(FLOAT, work, s);
      sum00 = partial00.fma(scale, sum00);
      sum01 = partial01.fma(scale, sum01);
      sum02 = partial02.fma(scale, sum02);
      sum03 = partial03.fma(scale, sum03);
      scale = FloatVector.fromArray(FLOAT, work, s + stride);
      sum10 = partial10.fma(scale, sum10);
      sum11 = partial11.fma(scale, sum11);
      sum12 = partial12.fma(scale, sum12);
      sum13 = partial13.fma(scale, sum13);
    }
    sum00.intoArray(y, at);
    sum10.intoArray(y, at + LANES);
    sum01.intoArray(y, at + yStride);
    sum11.intoArray(y, at + yStride + LANES);
    sum02.intoArray(y, at + 2 * yStride);
    sum12.intoArray(y, at + 2 * yStride + LANES);
    sum03.intoArray(y, at + 3 * yStride);
    sum13.intoArray(y, at + 3 * yStride + LANES);
  }
}
