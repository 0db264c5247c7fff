package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.HALF;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/// 4-bit weights in [Int4Blocks], a lane for each row. A vector of words is decoded nibble by
/// nibble (shift up, shift down, convert) and multiplied by one activation that all lanes share; a
/// group's sum is scaled once. One token: four vectors of rows side by side, to keep enough loads
/// under way. More: two vectors of rows by four tokens, so that each decoded weight serves four
/// multiplications. Every result is summed in the same order whatever the number of tokens and the
/// width of vectors.
final class VectorInt4 implements CpuMatrix {
  private static final int WORD_BYTES = Int4Blocks.LANES * 4;

  private final Int4Blocks blocks;
  private final MemorySegment words;
  private final MemorySegment scales;
  private final @Nullable MemorySegment zeros;
  private final DType scaleType;
  private final int wordsPerRow;
  private final int wordsPerGroup;
  private final int groups;

  VectorInt4(Int4Blocks blocks) {
    this.blocks = blocks;
    this.words = blocks.words();
    this.scales = blocks.scales();
    this.zeros = blocks.zeros();
    this.scaleType = blocks.scaleType();
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

  @Override
  public void multiply(int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride) {
    int end = rowTo - rowFrom;
    int token = 0;
    for (; token + 3 < tokens; token += 4) {
      int row = 0;
      for (; row + LANES < end; row += 2 * LANES) {
        twoByFour(rowFrom + row, x, token, y, token * yStride + row, yStride);
      }
      for (; row < end; row += LANES) {
        oneByFour(rowFrom + row, x, token, y, token * yStride + row, yStride);
      }
    }
    for (; token < tokens; token++) {
      int row = 0;
      for (; row + 3 * LANES < end; row += 4 * LANES) {
        fourByOne(rowFrom + row, x, token, y, token * yStride + row);
      }
      for (; row < end; row += LANES) {
        oneByOne(rowFrom + row, x, token, y, token * yStride + row);
      }
    }
  }

  /// The first byte of the words of `LANES` rows.
  private long wordsAt(int row) {
    return (long) (row / Int4Blocks.LANES) * wordsPerRow * WORD_BYTES + row % Int4Blocks.LANES * 4L;
  }

  /// The first element of the scales of `LANES` rows.
  private long scalesAt(int row) {
    return (long) (row / Int4Blocks.LANES) * groups * Int4Blocks.LANES + row % Int4Blocks.LANES;
  }

  private IntVector loadWords(long offset) {
    return IntVector.fromMemorySegment(INT, words, offset, ORDER);
  }

  private FloatVector loadScales(long element) {
    return HalfVectors.load(scales, element, scaleType);
  }

  /// Zero points minus 8; zeros where there are none.
  private FloatVector loadZeros(long element) {
    if (zeros == null) {
      return FloatVector.zero(FLOAT);
    }
    return (FloatVector)
        ShortVector.fromMemorySegment(HALF, zeros, element * 2, ORDER)
            .convertShape(VectorOperators.S2F, FLOAT, 0);
  }

  private FloatVector decode(IntVector packed, int nibble, FloatVector zero) {
    FloatVector value =
        (FloatVector)
            packed
                .lanewise(VectorOperators.LSHL, 28 - 4 * nibble)
                .lanewise(VectorOperators.ASHR, 28)
                .convert(VectorOperators.I2F, 0);
    return zeros == null ? value : value.sub(zero);
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOAT, value);
  }

  private void oneByOne(int row, float[] x, int token, float[] y, int at) {
    FloatVector sum = FloatVector.zero(FLOAT);
    long w = wordsAt(row);
    long s = scalesAt(row);
    int xAt = token * wordsPerRow * 8;
    for (int group = 0; group < groups; group++, s += Int4Blocks.LANES) {
      FloatVector zero = loadZeros(s);
      FloatVector partial = FloatVector.zero(FLOAT);
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        IntVector packed = loadWords(w + (long) word * WORD_BYTES);
        for (int i = 0; i < 8; i++) {
          partial = decode(packed, i, zero).fma(broadcast(x[xAt + word * 8 + i]), partial);
        }
      }
      sum = partial.fma(loadScales(s), sum);
    }
    sum.intoArray(y, at);
  }

  private void fourByOne(int row, float[] x, int token, float[] y, int at) {
    FloatVector sum0 = FloatVector.zero(FLOAT);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long w0 = wordsAt(row);
    long w1 = wordsAt(row + LANES);
    long w2 = wordsAt(row + 2 * LANES);
    long w3 = wordsAt(row + 3 * LANES);
    long s0 = scalesAt(row);
    long s1 = scalesAt(row + LANES);
    long s2 = scalesAt(row + 2 * LANES);
    long s3 = scalesAt(row + 3 * LANES);
    int xAt = token * wordsPerRow * 8;
    for (int group = 0; group < groups; group++) {
      long step = (long) group * Int4Blocks.LANES;
      FloatVector zero0 = loadZeros(s0 + step);
      FloatVector zero1 = loadZeros(s1 + step);
      FloatVector zero2 = loadZeros(s2 + step);
      FloatVector zero3 = loadZeros(s3 + step);
      FloatVector partial0 = FloatVector.zero(FLOAT);
      FloatVector partial1 = partial0;
      FloatVector partial2 = partial0;
      FloatVector partial3 = partial0;
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        long offset = (long) word * WORD_BYTES;
        IntVector packed0 = loadWords(w0 + offset);
        IntVector packed1 = loadWords(w1 + offset);
        IntVector packed2 = loadWords(w2 + offset);
        IntVector packed3 = loadWords(w3 + offset);
        for (int i = 0; i < 8; i++) {
          FloatVector a = broadcast(x[xAt + word * 8 + i]);
          partial0 = decode(packed0, i, zero0).fma(a, partial0);
          partial1 = decode(packed1, i, zero1).fma(a, partial1);
          partial2 = decode(packed2, i, zero2).fma(a, partial2);
          partial3 = decode(packed3, i, zero3).fma(a, partial3);
        }
      }
      sum0 = partial0.fma(loadScales(s0 + step), sum0);
      sum1 = partial1.fma(loadScales(s1 + step), sum1);
      sum2 = partial2.fma(loadScales(s2 + step), sum2);
      sum3 = partial3.fma(loadScales(s3 + step), sum3);
    }
    sum0.intoArray(y, at);
    sum1.intoArray(y, at + LANES);
    sum2.intoArray(y, at + 2 * LANES);
    sum3.intoArray(y, at + 3 * LANES);
  }

  private void oneByFour(int row, float[] x, int token, float[] y, int at, int yStride) {
    FloatVector sum0 = FloatVector.zero(FLOAT);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long w = wordsAt(row);
    long s = scalesAt(row);
    int x0 = token * wordsPerRow * 8;
    int x1 = x0 + wordsPerRow * 8;
    int x2 = x1 + wordsPerRow * 8;
    int x3 = x2 + wordsPerRow * 8;
    for (int group = 0; group < groups; group++, s += Int4Blocks.LANES) {
      FloatVector zero = loadZeros(s);
      FloatVector partial0 = FloatVector.zero(FLOAT);
      FloatVector partial1 = partial0;
      FloatVector partial2 = partial0;
      FloatVector partial3 = partial0;
      int end = Math.min((group + 1) * wordsPerGroup, wordsPerRow);
      for (int word = group * wordsPerGroup; word < end; word++) {
        IntVector packed = loadWords(w + (long) word * WORD_BYTES);
        for (int i = 0; i < 8; i++) {
          FloatVector value = decode(packed, i, zero);
          int c = word * 8 + i;
          partial0 = value.fma(broadcast(x[x0 + c]), partial0);
          partial1 = value.fma(broadcast(x[x1 + c]), partial1);
          partial2 = value.fma(broadcast(x[x2 + c]), partial2);
          partial3 = value.fma(broadcast(x[x3 + c]), partial3);
        }
      }
      FloatVector scale = loadScales(s);
      sum0 = partial0.fma(scale, sum0);
      sum1 = partial1.fma(scale, sum1);
      sum2 = partial2.fma(scale, sum2);
      sum3 = partial3.fma(scale, sum3);
    }
    sum0.intoArray(y, at);
    sum1.intoArray(y, at + yStride);
    sum2.intoArray(y, at + 2 * yStride);
    sum3.intoArray(y, at + 3 * yStride);
  }

  private void twoByFour(int row, float[] x, int token, float[] y, int at, int yStride) {
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
    long s0 = scalesAt(row);
    long s1 = scalesAt(row + LANES);
    int x0 = token * wordsPerRow * 8;
    int x1 = x0 + wordsPerRow * 8;
    int x2 = x1 + wordsPerRow * 8;
    int x3 = x2 + wordsPerRow * 8;
    for (int group = 0; group < groups; group++) {
      long step = (long) group * Int4Blocks.LANES;
      FloatVector zero0 = loadZeros(s0 + step);
      FloatVector zero1 = loadZeros(s1 + step);
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
        IntVector packed0 = loadWords(w0 + offset);
        IntVector packed1 = loadWords(w1 + offset);
        for (int i = 0; i < 8; i++) {
          FloatVector value0 = decode(packed0, i, zero0);
          FloatVector value1 = decode(packed1, i, zero1);
          int c = word * 8 + i;
          FloatVector a = broadcast(x[x0 + c]);
          partial00 = value0.fma(a, partial00);
          partial10 = value1.fma(a, partial10);
          a = broadcast(x[x1 + c]);
          partial01 = value0.fma(a, partial01);
          partial11 = value1.fma(a, partial11);
          a = broadcast(x[x2 + c]);
          partial02 = value0.fma(a, partial02);
          partial12 = value1.fma(a, partial12);
          a = broadcast(x[x3 + c]);
          partial03 = value0.fma(a, partial03);
          partial13 = value1.fma(a, partial13);
        }
      }
      FloatVector scale = loadScales(s0 + step);
      sum00 = partial00.fma(scale, sum00);
      sum01 = partial01.fma(scale, sum01);
      sum02 = partial02.fma(scale, sum02);
      sum03 = partial03.fma(scale, sum03);
      scale = loadScales(s1 + step);
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
