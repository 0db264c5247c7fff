package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// What [VectorInt4] is for several tokens, for one.
final class VectorInt4One extends Int4OneToken {
  private static final Int4Variant VARIANT =
      KernelCopies.constants(MethodHandles.lookup(), Int4Variant.class);
  private static final boolean ZERO_POINTS = VARIANT.zeroPoints();
  private static final boolean WIDE_SCALES = VARIANT.wideScales();
  private static final boolean F16_SCALES = VARIANT.f16Scales();
  private static final boolean WHOLE_CHUNKS = VARIANT.wholeChunks();

  private static final int QUAD_BYTES = VectorInt4Strips.QUAD_BYTES;
  private static final int HIGH_ROWS = VectorInt4Strips.HIGH_ROWS;
  private static final long SECOND = VectorInt4Strips.SECOND;
  private static final int HIGH_HALF = VectorInt4Strips.HIGH_HALF;
  private static final int F16_FIELDS = VectorInt4Strips.F16_FIELDS;
  private static final float F16_REBIAS = VectorInt4Strips.F16_REBIAS;
  private static final int NIBBLE = VectorInt4Strips.NIBBLE;
  private static final float OFFSET = VectorInt4Strips.OFFSET;

  private final MemorySegment data;
  private final Int4Groups groups;
  private final int count;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4One(Int4Blocks blocks) {
    this.data = blocks.data();
    this.groups = blocks.groups();
    this.count = groups.count();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) blocks.blockRows() * blocks.scaleType().bytes();
  }

  @Override
  void multiply(long from, StagedRows x, int token, float[] y, int to) {
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
}
