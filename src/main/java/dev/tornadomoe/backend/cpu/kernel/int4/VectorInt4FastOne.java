package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.Species.SHORT;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// What [VectorInt4Fast] is for several tokens, for one.
final class VectorInt4FastOne extends Int4OneToken {
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

  private final MemorySegment data;
  private final Int4Groups groups;
  private final int count;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4FastOne(Int4Blocks blocks) {
    this.data = blocks.data();
    this.groups = blocks.groups();
    this.count = groups.count();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) blocks.blockRows() * blocks.scaleType().bytes();
  }

  @Override
  void multiply(long from, StagedRows x, int token, float[] y, int to) {
    int[] factors = x.factors;
    int[] biases = x.biases;
    float[] scales = x.scales;
    float[] totals = x.totals;
    FloatVector lowA = FloatVector.zero(FLOAT);
    FloatVector highA = lowA;
    FloatVector lowB = lowA;
    FloatVector highB = lowA;
    long at = from;
    int column = token * groups.paddedColumns();
    int chunk = token * groups.chunks();
    for (int group = 0; group < count; group++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(group);
      long tail = at + (long) quads * QUAD_BYTES;
      for (int done = 0; done < quads; done += Int4Groups.CHUNK, chunk++) {
        int inChunk = WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - done);
        ShortVector sumA = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sumB = sumA;
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bitsA = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          ShortVector bitsB = ShortVector.fromMemorySegment(SHORT, data, at + SECOND, ORDER);
          at += QUAD_BYTES;
          // Not written out: the compiler inlines less in larger methods.
          for (int i = 0; i < Int4Groups.QUAD; i++, column++) {
            ShortVector factor = IntVector.broadcast(INT, factors[column]).reinterpretAsShorts();
            sumA = sumA.add(bitsA.mul(factor));
            sumB = sumB.add(bitsB.mul(factor));
            bitsA = bitsA.lanewise(VectorOperators.LSHR, 4);
            bitsB = bitsB.lanewise(VectorOperators.LSHR, 4);
          }
        }
        FloatVector lowScaleA;
        FloatVector highScaleA;
        if (WIDE_SCALES) {
          lowScaleA = FloatVector.fromMemorySegment(FLOAT, data, tail, ORDER);
          highScaleA = FloatVector.fromMemorySegment(FLOAT, data, tail + HIGH_ROWS * 4L, ORDER);
        } else {
          IntVector scalesA = IntVector.fromMemorySegment(INT, data, tail, ORDER);
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
        FloatVector lowZeroA = FloatVector.zero(FLOAT);
        FloatVector highZeroA = lowZeroA;
        if (ZERO_POINTS) {
          IntVector zerosA = IntVector.fromMemorySegment(INT, data, tail + zerosAt, ORDER);
          lowZeroA =
              (FloatVector)
                  zerosA
                      .lanewise(VectorOperators.LSHL, 16)
                      .lanewise(VectorOperators.ASHR, 16)
                      .convert(VectorOperators.I2F, 0);
          highZeroA =
              (FloatVector)
                  zerosA.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0);
        }
        FloatVector lowScaleB;
        FloatVector highScaleB;
        if (WIDE_SCALES) {
          lowScaleB = FloatVector.fromMemorySegment(FLOAT, data, tail + SECOND, ORDER);
          highScaleB =
              FloatVector.fromMemorySegment(FLOAT, data, tail + SECOND + HIGH_ROWS * 4L, ORDER);
        } else {
          IntVector scalesB = IntVector.fromMemorySegment(INT, data, tail + SECOND, ORDER);
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
        FloatVector lowZeroB = FloatVector.zero(FLOAT);
        FloatVector highZeroB = lowZeroB;
        if (ZERO_POINTS) {
          IntVector zerosB = IntVector.fromMemorySegment(INT, data, tail + SECOND + zerosAt, ORDER);
          lowZeroB =
              (FloatVector)
                  zerosB
                      .lanewise(VectorOperators.LSHL, 16)
                      .lanewise(VectorOperators.ASHR, 16)
                      .convert(VectorOperators.I2F, 0);
          highZeroB =
              (FloatVector)
                  zerosB.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0);
        }
        FloatVector scale = FloatVector.broadcast(FLOAT, scales[chunk]);
        FloatVector total = FloatVector.broadcast(FLOAT, ZERO_POINTS ? totals[chunk] : 0f);
        IntVector whole = sumA.reinterpretAsInts();
        FloatVector part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZeroA.fma(total, part);
        }
        lowA = part.mul(scale).fma(lowScaleA, lowA);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZeroA.fma(total, part);
        }
        highA = part.mul(scale).fma(highScaleA, highA);
        whole = sumB.reinterpretAsInts();
        part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZeroB.fma(total, part);
        }
        lowB = part.mul(scale).fma(lowScaleB, lowB);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZeroB.fma(total, part);
        }
        highB = part.mul(scale).fma(highScaleB, highB);
      }
      at = tail + tailBytes;
    }
    lowA.intoArray(y, to);
    highA.intoArray(y, to + HIGH_ROWS);
    lowB.intoArray(y, to + LANES);
    highB.intoArray(y, to + HIGH_ROWS + LANES);
  }
}
