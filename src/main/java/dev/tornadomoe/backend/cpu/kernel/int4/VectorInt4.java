package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.Interleaving;
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

  /// A group's sums of one token: for each of two vectors of rows the lower halves', then the upper
  /// halves'.
  private static final int SUMS = EXACT_SUMS;

  private static final int HIGH_HALF = 0xFFFF0000;

  /// An F16's fields in an F32's places, and what is left between the exponents then.
  private static final int F16_FIELDS = 0x8FFFE000;

  private static final float F16_REBIAS = 0x1p112f;

  /// A quad's first nibble.
  private static final int NIBBLE = 0xF;

  /// What makes a nibble without sign the weight, times the sum of the activations.
  private static final float OFFSET = -8f;

  private final MemorySegment data;
  private final int groupBytes;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4(Int4Blocks blocks) {
    super(blocks);
    this.data = blocks.data();
    this.groupBytes = blocks.groupBytes();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) ROWS * blocks.scaleType().bytes();
  }

  @Override
  public RowForm form() {
    return new RowForm.Floats(groups);
  }

  @Override
  int groupSums() {
    return SUMS;
  }

  @Override
  void multiplyOne(long from, StagedRows x, int token, float[] y, int to) {
    float[] floats = x.floats;
    float[] sums = x.sums;
    FloatVector lowA = FloatVector.zero(FLOAT);
    FloatVector highA = lowA;
    FloatVector lowB = lowA;
    FloatVector highB = lowA;
    long at = from;
    int column = token * groups.paddedColumns();
    int sumAt = token * count;
    for (int group = 0; group < count; group++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(group);
      FloatVector lowPartA = FloatVector.zero(FLOAT);
      FloatVector highPartA = lowPartA;
      FloatVector lowPartB = lowPartA;
      FloatVector highPartB = lowPartA;
      for (int quad = 0; quad < quads; quad++) {
        IntVector bitsA = IntVector.fromMemorySegment(INT, data, at, ORDER);
        IntVector bitsB = IntVector.fromMemorySegment(INT, data, at + SECOND, ORDER);
        at += QUAD_BYTES;
        IntVector highBitsA = bitsA.lanewise(VectorOperators.LSHR, 16);
        IntVector highBitsB = bitsB.lanewise(VectorOperators.LSHR, 16);
        // Not written out: the compiler inlines less in larger methods.
        for (int i = 0; i < Int4Groups.QUAD; i++, column++) {
          IntVector nibble = IntVector.broadcast(INT, NIBBLE << (4 * i));
          FloatVector activation = FloatVector.broadcast(FLOAT, floats[column]);
          lowPartA =
              ((FloatVector) bitsA.and(nibble).convert(VectorOperators.I2F, 0))
                  .fma(activation, lowPartA);
          highPartA =
              ((FloatVector) highBitsA.and(nibble).convert(VectorOperators.I2F, 0))
                  .fma(activation, highPartA);
          lowPartB =
              ((FloatVector) bitsB.and(nibble).convert(VectorOperators.I2F, 0))
                  .fma(activation, lowPartB);
          highPartB =
              ((FloatVector) highBitsB.and(nibble).convert(VectorOperators.I2F, 0))
                  .fma(activation, highPartB);
        }
      }
      FloatVector sum = FloatVector.broadcast(FLOAT, sums[sumAt + group]);
      FloatVector lowScaleA;
      FloatVector highScaleA;
      if (WIDE_SCALES) {
        lowScaleA = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER);
        highScaleA = FloatVector.fromMemorySegment(FLOAT, data, at + HIGH_ROWS * 4L, ORDER);
      } else {
        IntVector scalesA = IntVector.fromMemorySegment(INT, data, at, ORDER);
        IntVector lowBitsA = scalesA.lanewise(VectorOperators.LSHL, 16);
        if (F16_SCALES) {
          lowScaleA =
              lowBitsA
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
          highScaleA =
              scalesA
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
        } else {
          lowScaleA = lowBitsA.reinterpretAsFloats();
          highScaleA = scalesA.and(HIGH_HALF).reinterpretAsFloats();
        }
      }
      FloatVector lowOffsetA = FloatVector.broadcast(FLOAT, OFFSET);
      FloatVector highOffsetA = lowOffsetA;
      if (ZERO_POINTS) {
        IntVector zerosA = IntVector.fromMemorySegment(INT, data, at + zerosAt, ORDER);
        lowOffsetA =
            lowOffsetA.sub(
                (FloatVector)
                    zerosA
                        .lanewise(VectorOperators.LSHL, 16)
                        .lanewise(VectorOperators.ASHR, 16)
                        .convert(VectorOperators.I2F, 0));
        highOffsetA =
            highOffsetA.sub(
                (FloatVector)
                    zerosA.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0));
      }
      lowA = lowOffsetA.fma(sum, lowPartA).fma(lowScaleA, lowA);
      highA = highOffsetA.fma(sum, highPartA).fma(highScaleA, highA);
      FloatVector lowScaleB;
      FloatVector highScaleB;
      if (WIDE_SCALES) {
        lowScaleB = FloatVector.fromMemorySegment(FLOAT, data, at + SECOND, ORDER);
        highScaleB =
            FloatVector.fromMemorySegment(FLOAT, data, at + SECOND + HIGH_ROWS * 4L, ORDER);
      } else {
        IntVector scalesB = IntVector.fromMemorySegment(INT, data, at + SECOND, ORDER);
        IntVector lowBitsB = scalesB.lanewise(VectorOperators.LSHL, 16);
        if (F16_SCALES) {
          lowScaleB =
              lowBitsB
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
          highScaleB =
              scalesB
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
        } else {
          lowScaleB = lowBitsB.reinterpretAsFloats();
          highScaleB = scalesB.and(HIGH_HALF).reinterpretAsFloats();
        }
      }
      FloatVector lowOffsetB = FloatVector.broadcast(FLOAT, OFFSET);
      FloatVector highOffsetB = lowOffsetB;
      if (ZERO_POINTS) {
        IntVector zerosB = IntVector.fromMemorySegment(INT, data, at + SECOND + zerosAt, ORDER);
        lowOffsetB =
            lowOffsetB.sub(
                (FloatVector)
                    zerosB
                        .lanewise(VectorOperators.LSHL, 16)
                        .lanewise(VectorOperators.ASHR, 16)
                        .convert(VectorOperators.I2F, 0));
        highOffsetB =
            highOffsetB.sub(
                (FloatVector)
                    zerosB.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0));
      }
      lowB = lowOffsetB.fma(sum, lowPartB).fma(lowScaleB, lowB);
      highB = highOffsetB.fma(sum, highPartB).fma(highScaleB, highB);
      at += tailBytes;
    }
    lowA.intoArray(y, to);
    highA.intoArray(y, to + HIGH_ROWS);
    lowB.intoArray(y, to + LANES);
    highB.intoArray(y, to + HIGH_ROWS + LANES);
  }

  @Override
  void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    float[] floats = x.floats;
    long at = from + (long) group * groupBytes;
    int column =
        token * groups.paddedColumns()
            + group * groups.quadsPerGroup() * Int4Groups.QUAD * Interleaving.PAIR;
    int to = 0;
    for (int g = group; g < groupTo; g++, to += Interleaving.PAIR * SUMS) {
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
        for (int i = 0; i < Int4Groups.QUAD; i++, column += Interleaving.PAIR) {
          IntVector nibble = IntVector.broadcast(INT, NIBBLE << (4 * i));
          FloatVector activation0 = FloatVector.broadcast(FLOAT, floats[column]);
          FloatVector activation1 = FloatVector.broadcast(FLOAT, floats[column + 1]);
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
      lowA0.intoArray(work, to);
      highA0.intoArray(work, to + LANES);
      lowB0.intoArray(work, to + 2 * LANES);
      highB0.intoArray(work, to + 3 * LANES);
      lowA1.intoArray(work, to + SUMS);
      highA1.intoArray(work, to + SUMS + LANES);
      lowB1.intoArray(work, to + SUMS + 2 * LANES);
      highB1.intoArray(work, to + SUMS + 3 * LANES);
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
      float[] work,
      float[] y,
      int to,
      int yStride) {
    float[] sums = x.sums;
    int sumAt = token * count + group * Interleaving.PAIR;
    int at = vector * 2 * LANES;
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
      sum = FloatVector.broadcast(FLOAT, sums[sumAt + 1]);
      low1 = lowOffset.fma(sum, FloatVector.fromArray(FLOAT, work, at + SUMS)).fma(lowScale, low1);
      high1 =
          highOffset
              .fma(sum, FloatVector.fromArray(FLOAT, work, at + SUMS + LANES))
              .fma(highScale, high1);
      start += groupBytes;
      sumAt += Interleaving.PAIR;
      at += Interleaving.PAIR * SUMS;
    }
    low0.intoArray(y, to);
    high0.intoArray(y, to + HIGH_ROWS);
    low1.intoArray(y, to + yStride);
    high1.intoArray(y, to + yStride + HIGH_ROWS);
  }
}
