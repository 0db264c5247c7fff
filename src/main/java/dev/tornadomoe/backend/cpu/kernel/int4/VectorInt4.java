package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// 4-bit weights in [Int4Blocks] times F32 activations, a lane for each row. A nibble is not
/// shifted to the lowest bits but masked and converted where it is: the power of two too much is in
/// the staged activations, exactly (`FloatRows`). Nor does it get its sign: the 8 that is too much
/// is taken off once per group, times the sum of its activations.
///
/// Used in copies, one for each [Int4Variant] ([KernelCopies]). No method here hands a vector to
/// another one: where the compiler does not inline that, it makes an object of it.
final class VectorInt4 extends VectorInt4Strips {
  private static final Int4Variant VARIANT =
      KernelCopies.constants(MethodHandles.lookup(), Int4Variant.class);
  private static final boolean ZERO_POINTS = VARIANT.zeroPoints();
  private static final boolean WIDE_SCALES = VARIANT.wideScales();
  private static final boolean F16_SCALES = VARIANT.f16Scales();
  private static final boolean WHOLE_CHUNKS = VARIANT.wholeChunks();

  private final MemorySegment data;
  private final int groupBytes;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4(Int4Blocks blocks) {
    super(blocks, EXACT_SUMS, Int4Variant.exactOne(blocks));
    this.data = blocks.data();
    this.groupBytes = blocks.groupBytes();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) ROWS * blocks.scaleType().bytes();
  }

  @Override
  public RowForm form() {
    return new RowForm.Floats(groups);
  }

  /// Vectors of 512 bits come with 32 registers, which are enough for the sums of two tokens and
  /// two vectors of rows. And one vector of rows is whole cache lines of them, every other one of a
  /// block, which is no stream to fetch ahead of.
  @Override
  boolean takesFour() {
    return LANES < 16;
  }

  @Override
  void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    float[] floats = x.floats;
    int columns = groups.paddedColumns();
    long at = from + (long) group * groupBytes;
    int column = token * columns + group * groups.quadsPerGroup() * Int4Groups.QUAD;
    int toA0 = sumsAt(0, 0);
    int toA1 = sumsAt(0, 1);
    int toB0 = sumsAt(1, 0);
    int toB1 = sumsAt(1, 1);
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      FloatVector lowA0 = FloatVector.zero(FLOAT);
      FloatVector highA0 = lowA0;
      FloatVector lowB0 = lowA0;
      FloatVector highB0 = lowA0;
      FloatVector lowA1 = lowA0;
      FloatVector highA1 = lowA0;
      FloatVector lowB1 = lowA0;
      FloatVector highB1 = lowA0;
      for (int quad = 0; quad < quads; quad++) {
        IntVector bitsA = IntVector.fromMemorySegment(INT, data, at, ORDER);
        IntVector bitsB = IntVector.fromMemorySegment(INT, data, at + SECOND, ORDER);
        at += QUAD_BYTES;
        IntVector highBitsA = bitsA.lanewise(VectorOperators.LSHR, 16);
        IntVector highBitsB = bitsB.lanewise(VectorOperators.LSHR, 16);
        for (int i = 0; i < Int4Groups.QUAD; i++, column++) {
          IntVector nibble = IntVector.broadcast(INT, NIBBLE << (4 * i));
          FloatVector activation0 = FloatVector.broadcast(FLOAT, floats[column]);
          FloatVector activation1 = FloatVector.broadcast(FLOAT, floats[column + columns]);
          FloatVector weight = (FloatVector) bitsA.and(nibble).convert(VectorOperators.I2F, 0);
          lowA0 = weight.fma(activation0, lowA0);
          lowA1 = weight.fma(activation1, lowA1);
          weight = (FloatVector) highBitsA.and(nibble).convert(VectorOperators.I2F, 0);
          highA0 = weight.fma(activation0, highA0);
          highA1 = weight.fma(activation1, highA1);
          weight = (FloatVector) bitsB.and(nibble).convert(VectorOperators.I2F, 0);
          lowB0 = weight.fma(activation0, lowB0);
          lowB1 = weight.fma(activation1, lowB1);
          weight = (FloatVector) highBitsB.and(nibble).convert(VectorOperators.I2F, 0);
          highB0 = weight.fma(activation0, highB0);
          highB1 = weight.fma(activation1, highB1);
        }
      }
      at += tailBytes;
      int to = (g - group) * EXACT_SUMS;
      lowA0.intoArray(work, toA0 + to);
      highA0.intoArray(work, toA0 + to + LANES);
      lowB0.intoArray(work, toB0 + to);
      highB0.intoArray(work, toB0 + to + LANES);
      lowA1.intoArray(work, toA1 + to);
      highA1.intoArray(work, toA1 + to + LANES);
      lowB1.intoArray(work, toB1 + to);
      highB1.intoArray(work, toB1 + to + LANES);
    }
  }

  @Override
  void sumFour(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    sumFour(from, 0, group, groupTo, x, token, work);
    sumFour(from, 1, group, groupTo, x, token, work);
  }

  /// One vector of rows: the sums of both would be all 16 registers that there are.
  private void sumFour(
      long from, int vector, int group, int groupTo, StagedRows x, int token, float[] work) {
    float[] floats = x.floats;
    int columns = groups.paddedColumns();
    long at = from + vector * SECOND + (long) group * groupBytes;
    int column0 = token * columns + group * groups.quadsPerGroup() * Int4Groups.QUAD;
    int column1 = column0 + columns;
    int column2 = column1 + columns;
    int column3 = column2 + columns;
    int to0 = sumsAt(vector, 0);
    int to1 = sumsAt(vector, 1);
    int to2 = sumsAt(vector, 2);
    int to3 = sumsAt(vector, 3);
    int done = 0;
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      FloatVector low0 = FloatVector.zero(FLOAT);
      FloatVector high0 = low0;
      FloatVector low1 = low0;
      FloatVector high1 = low0;
      FloatVector low2 = low0;
      FloatVector high2 = low0;
      FloatVector low3 = low0;
      FloatVector high3 = low0;
      for (int quad = 0; quad < quads; quad++) {
        IntVector bits = IntVector.fromMemorySegment(INT, data, at, ORDER);
        IntVector highBits = bits.lanewise(VectorOperators.LSHR, 16);
        at += QUAD_BYTES;
        for (int i = 0; i < Int4Groups.QUAD; i++, done++) {
          IntVector nibble = IntVector.broadcast(INT, NIBBLE << (4 * i));
          FloatVector low = (FloatVector) bits.and(nibble).convert(VectorOperators.I2F, 0);
          FloatVector high = (FloatVector) highBits.and(nibble).convert(VectorOperators.I2F, 0);
          FloatVector activation = FloatVector.broadcast(FLOAT, floats[column0 + done]);
          low0 = low.fma(activation, low0);
          high0 = high.fma(activation, high0);
          activation = FloatVector.broadcast(FLOAT, floats[column1 + done]);
          low1 = low.fma(activation, low1);
          high1 = high.fma(activation, high1);
          activation = FloatVector.broadcast(FLOAT, floats[column2 + done]);
          low2 = low.fma(activation, low2);
          high2 = high.fma(activation, high2);
          activation = FloatVector.broadcast(FLOAT, floats[column3 + done]);
          low3 = low.fma(activation, low3);
          high3 = high.fma(activation, high3);
        }
      }
      at += tailBytes;
      int to = (g - group) * EXACT_SUMS;
      low0.intoArray(work, to0 + to);
      high0.intoArray(work, to0 + to + LANES);
      low1.intoArray(work, to1 + to);
      high1.intoArray(work, to1 + to + LANES);
      low2.intoArray(work, to2 + to);
      high2.intoArray(work, to2 + to + LANES);
      low3.intoArray(work, to3 + to);
      high3.intoArray(work, to3 + to + LANES);
    }
  }

  @Override
  void addPair(
      long from,
      int group,
      int groupTo,
      int vector,
      StagedRows x,
      int token,
      int slot,
      float[] work,
      float[] y,
      int to,
      int yStride) {
    float[] sums = x.sums;
    int sumAt = token * count + group;
    int at = sumsAt(vector, slot);
    int next = sumsAt(vector, slot + 1);
    long start = from + vector * SECOND + (long) group * groupBytes;
    FloatVector low0 = FloatVector.fromArray(FLOAT, y, to);
    FloatVector high0 = FloatVector.fromArray(FLOAT, y, to + HIGH_ROWS);
    FloatVector low1 = FloatVector.fromArray(FLOAT, y, to + yStride);
    FloatVector high1 = FloatVector.fromArray(FLOAT, y, to + yStride + HIGH_ROWS);
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      long tail = start + (long) quads * QUAD_BYTES;
      FloatVector lowScale;
      FloatVector highScale;
      if (WIDE_SCALES) {
        lowScale = FloatVector.fromMemorySegment(FLOAT, data, tail, ORDER);
        highScale = FloatVector.fromMemorySegment(FLOAT, data, tail + HIGH_ROWS * 4L, ORDER);
      } else {
        IntVector scaleBits = IntVector.fromMemorySegment(INT, data, tail, ORDER);
        IntVector lowBits = scaleBits.lanewise(VectorOperators.LSHL, 16);
        if (F16_SCALES) {
          lowScale =
              lowBits
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
          highScale =
              scaleBits
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
        } else {
          lowScale = lowBits.reinterpretAsFloats();
          highScale = scaleBits.and(HIGH_HALF).reinterpretAsFloats();
        }
      }
      FloatVector lowOffset = FloatVector.broadcast(FLOAT, OFFSET);
      FloatVector highOffset = lowOffset;
      if (ZERO_POINTS) {
        IntVector zeros = IntVector.fromMemorySegment(INT, data, tail + zerosAt, ORDER);
        lowOffset =
            lowOffset.sub(
                (FloatVector)
                    zeros
                        .lanewise(VectorOperators.LSHL, 16)
                        .lanewise(VectorOperators.ASHR, 16)
                        .convert(VectorOperators.I2F, 0));
        highOffset =
            highOffset.sub(
                (FloatVector)
                    zeros.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0));
      }
      FloatVector sum = FloatVector.broadcast(FLOAT, sums[sumAt]);
      low0 = lowOffset.fma(sum, FloatVector.fromArray(FLOAT, work, at)).fma(lowScale, low0);
      high0 =
          highOffset.fma(sum, FloatVector.fromArray(FLOAT, work, at + LANES)).fma(highScale, high0);
      sum = FloatVector.broadcast(FLOAT, sums[sumAt + count]);
      low1 = lowOffset.fma(sum, FloatVector.fromArray(FLOAT, work, next)).fma(lowScale, low1);
      high1 =
          highOffset
              .fma(sum, FloatVector.fromArray(FLOAT, work, next + LANES))
              .fma(highScale, high1);
      start += groupBytes;
      sumAt++;
      at += EXACT_SUMS;
      next += EXACT_SUMS;
    }
    low0.intoArray(y, to);
    high0.intoArray(y, to + HIGH_ROWS);
    low1.intoArray(y, to + yStride);
    high1.intoArray(y, to + yStride + HIGH_ROWS);
  }
}
