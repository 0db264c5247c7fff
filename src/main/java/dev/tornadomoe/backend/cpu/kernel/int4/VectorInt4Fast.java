package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.Species.SHORT;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.Interleaving;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// 4-bit weights in [Int4Blocks] times activations that are whole numbers (`RoundedRows`), a lane
/// of 16 bits for each row. Products are added up in 16 bits and may wrap on the way: the sum over
/// a chunk of 32 columns, started at -8 times the sum of its activations, fits into 16 bits and so
/// is exact modulo 2^16. Then it is scaled in F32, once per chunk.
///
/// Nor is a nibble ever cut out of its lane. With the lane's 16 bits v0 = n0 + 16 n1 + 256 n2 +
/// 4096 n3 and v1, v2, v3 shifted right by 4, 8, 12, the sum n0 a0 + n1 a1 + n2 a2 + n3 a3 is v0 a0
/// + v1 (a1 - 16 a0) + v2 (a2 - 16 a1) + v3 (a3 - 16 a2), modulo 2^16 to the bit; these factors are
///   what `RoundedRows` stages.
///
/// See [VectorInt4] for the copies and for why this is written out.
final class VectorInt4Fast extends VectorInt4Strips {
  private static final Int4Variant VARIANT =
      KernelCopies.constants(MethodHandles.lookup(), Int4Variant.class);
  private static final boolean ZERO_POINTS = VARIANT.zeroPoints();
  private static final boolean WIDE_SCALES = VARIANT.wideScales();
  private static final boolean F16_SCALES = VARIANT.f16Scales();
  private static final boolean WHOLE_CHUNKS = VARIANT.wholeChunks();

  /// A chunk's sums of one token, two vectors of rows: whole numbers, two in each element of the
  /// work space, which never takes part in arithmetic as the F32 that it is not.
  private static final int SUMS = CHUNK_SUMS;

  private static final int HIGH_HALF = 0xFFFF0000;

  /// An F16's fields in an F32's places, and what is left between the exponents then.
  private static final int F16_FIELDS = 0x8FFFE000;

  private static final float F16_REBIAS = 0x1p112f;

  private final MemorySegment data;
  private final int groupBytes;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4Fast(Int4Blocks blocks) {
    super(blocks);
    this.data = blocks.data();
    this.groupBytes = blocks.groupBytes();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) ROWS * blocks.scaleType().bytes();
  }

  @Override
  public RowForm form() {
    return new RowForm.Rounded(groups);
  }

  @Override
  int groupSums() {
    return groups.chunksPerGroup() * SUMS;
  }

  @Override
  void multiplyOne(long from, StagedRows x, int token, float[] y, int to) {
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

  @Override
  void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    int[] factors = x.factors;
    int[] biases = x.biases;
    long at = from + (long) group * groupBytes;
    int column =
        token * groups.paddedColumns()
            + group * groups.quadsPerGroup() * Int4Groups.QUAD * Interleaving.PAIR;
    int chunk = token * groups.chunks() + group * groups.chunksPerGroup() * Interleaving.PAIR;
    int to = 0;
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      for (int done = 0; done < quads; done += Int4Groups.CHUNK) {
        int inChunk = WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - done);
        ShortVector sumA0 = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sumB0 = sumA0;
        ShortVector sumA1 = IntVector.broadcast(INT, biases[chunk + 1]).reinterpretAsShorts();
        ShortVector sumB1 = sumA1;
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bitsA = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          ShortVector bitsB = ShortVector.fromMemorySegment(SHORT, data, at + SECOND, ORDER);
          at += QUAD_BYTES;
          for (int i = 0; i < Int4Groups.QUAD; i++, column += Interleaving.PAIR) {
            ShortVector factor = IntVector.broadcast(INT, factors[column]).reinterpretAsShorts();
            sumA0 = sumA0.add(bitsA.mul(factor));
            sumB0 = sumB0.add(bitsB.mul(factor));
            factor = IntVector.broadcast(INT, factors[column + 1]).reinterpretAsShorts();
            sumA1 = sumA1.add(bitsA.mul(factor));
            sumB1 = sumB1.add(bitsB.mul(factor));
            bitsA = bitsA.lanewise(VectorOperators.LSHR, 4);
            bitsB = bitsB.lanewise(VectorOperators.LSHR, 4);
          }
        }
        sumA0.reinterpretAsFloats().intoArray(work, to);
        sumB0.reinterpretAsFloats().intoArray(work, to + LANES);
        sumA1.reinterpretAsFloats().intoArray(work, to + SUMS);
        sumB1.reinterpretAsFloats().intoArray(work, to + SUMS + LANES);
        to += Interleaving.PAIR * SUMS;
        chunk += Interleaving.PAIR;
      }
      at += tailBytes;
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
    float[] scales = x.scales;
    float[] totals = x.totals;
    int chunk = token * groups.chunks() + group * groups.chunksPerGroup() * Interleaving.PAIR;
    int at = vector * LANES;
    FloatVector low0 = FloatVector.fromArray(FLOAT, y, to);
    FloatVector high0 = FloatVector.fromArray(FLOAT, y, to + HIGH_ROWS);
    FloatVector low1 = FloatVector.fromArray(FLOAT, y, to + yStride);
    FloatVector high1 = FloatVector.fromArray(FLOAT, y, to + yStride + HIGH_ROWS);
    // One loop over all chunks, not one in another: less for the compiler to see through.
    int g = group;
    int left = WHOLE_CHUNKS ? 1 : groups.chunks(g);
    long start = from + vector * SECOND + (long) group * groupBytes;
    while (g < groupTo) {
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
      IntVector sums0 = FloatVector.fromArray(FLOAT, work, at).reinterpretAsInts();
      IntVector sums1 = FloatVector.fromArray(FLOAT, work, at + SUMS).reinterpretAsInts();
      FloatVector lowPart0 =
          (FloatVector) sums0.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
      FloatVector highPart0 = (FloatVector) sums0.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
      FloatVector lowPart1 =
          (FloatVector) sums1.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
      FloatVector highPart1 = (FloatVector) sums1.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
      if (ZERO_POINTS) {
        IntVector zeros = IntVector.fromMemorySegment(INT, data, tail + zerosAt, ORDER);
        FloatVector lowZero =
            (FloatVector)
                zeros
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .convert(VectorOperators.I2F, 0);
        FloatVector highZero =
            (FloatVector) zeros.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0);
        FloatVector total = FloatVector.broadcast(FLOAT, totals[chunk]);
        lowPart0 = lowZero.fma(total, lowPart0);
        highPart0 = highZero.fma(total, highPart0);
        total = FloatVector.broadcast(FLOAT, totals[chunk + 1]);
        lowPart1 = lowZero.fma(total, lowPart1);
        highPart1 = highZero.fma(total, highPart1);
      }
      FloatVector scale = FloatVector.broadcast(FLOAT, scales[chunk]);
      low0 = lowPart0.mul(scale).fma(lowScale, low0);
      high0 = highPart0.mul(scale).fma(highScale, high0);
      scale = FloatVector.broadcast(FLOAT, scales[chunk + 1]);
      low1 = lowPart1.mul(scale).fma(lowScale, low1);
      high1 = highPart1.mul(scale).fma(highScale, high1);
      chunk += Interleaving.PAIR;
      at += Interleaving.PAIR * SUMS;
      if (WHOLE_CHUNKS || --left == 0) {
        g++;
        start += groupBytes;
        left = WHOLE_CHUNKS ? 1 : groups.chunks(g);
      }
    }
    low0.intoArray(y, to);
    high0.intoArray(y, to + HIGH_ROWS);
    low1.intoArray(y, to + yStride);
    high1.intoArray(y, to + yStride + HIGH_ROWS);
  }
}
