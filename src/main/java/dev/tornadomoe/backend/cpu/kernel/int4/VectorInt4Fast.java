package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.kernel.Species.INT;
import static dev.tornadomoe.backend.cpu.kernel.Species.ORDER;
import static dev.tornadomoe.backend.cpu.kernel.Species.SHORT;

import dev.tornadomoe.backend.cpu.kernel.KernelCopies;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
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

  private final MemorySegment data;
  private final int groupBytes;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4Fast(Int4Blocks blocks) {
    super(blocks, blocks.groups().chunksPerGroup() * CHUNK_SUMS, Int4Variant.fastOne(blocks));
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
  boolean takesFour() {
    return true;
  }

  @Override
  void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    int[] factors = x.factors;
    int[] biases = x.biases;
    int columns = groups.paddedColumns();
    int chunks = groups.chunks();
    long at = from + (long) group * groupBytes;
    int column0 = token * columns + group * groups.quadsPerGroup() * Int4Groups.QUAD;
    int column1 = column0 + columns;
    int chunk = token * chunks + group * groups.chunksPerGroup();
    int done = 0;
    int to = 0;
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      for (int quadFrom = 0; quadFrom < quads; quadFrom += Int4Groups.CHUNK) {
        int inChunk =
            WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - quadFrom);
        ShortVector sumA0 = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sumB0 = sumA0;
        ShortVector sumA1 = IntVector.broadcast(INT, biases[chunk + chunks]).reinterpretAsShorts();
        ShortVector sumB1 = sumA1;
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bitsA = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          ShortVector bitsB = ShortVector.fromMemorySegment(SHORT, data, at + SECOND, ORDER);
          at += QUAD_BYTES;
          for (int i = 0; i < Int4Groups.QUAD; i++, done++) {
            ShortVector factor =
                IntVector.broadcast(INT, factors[column0 + done]).reinterpretAsShorts();
            sumA0 = sumA0.add(bitsA.mul(factor));
            sumB0 = sumB0.add(bitsB.mul(factor));
            factor = IntVector.broadcast(INT, factors[column1 + done]).reinterpretAsShorts();
            sumA1 = sumA1.add(bitsA.mul(factor));
            sumB1 = sumB1.add(bitsB.mul(factor));
            bitsA = bitsA.lanewise(VectorOperators.LSHR, 4);
            bitsB = bitsB.lanewise(VectorOperators.LSHR, 4);
          }
        }
        sumA0.reinterpretAsFloats().intoArray(work, sumsAt(0, 0) + to);
        sumB0.reinterpretAsFloats().intoArray(work, sumsAt(1, 0) + to);
        sumA1.reinterpretAsFloats().intoArray(work, sumsAt(0, 1) + to);
        sumB1.reinterpretAsFloats().intoArray(work, sumsAt(1, 1) + to);
        to += CHUNK_SUMS;
        chunk++;
      }
      at += tailBytes;
    }
  }

  @Override
  void sumFour(long from, int group, int groupTo, StagedRows x, int token, float[] work) {
    int[] factors = x.factors;
    int[] biases = x.biases;
    int columns = groups.paddedColumns();
    int chunks = groups.chunks();
    long at = from + (long) group * groupBytes;
    int column0 = token * columns + group * groups.quadsPerGroup() * Int4Groups.QUAD;
    int column1 = column0 + columns;
    int column2 = column1 + columns;
    int column3 = column2 + columns;
    int chunk = token * chunks + group * groups.chunksPerGroup();
    int done = 0;
    int to = 0;
    for (int g = group; g < groupTo; g++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(g);
      for (int quadFrom = 0; quadFrom < quads; quadFrom += Int4Groups.CHUNK) {
        int inChunk =
            WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - quadFrom);
        ShortVector sumA0 = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sumB0 = sumA0;
        ShortVector sumA1 = IntVector.broadcast(INT, biases[chunk + chunks]).reinterpretAsShorts();
        ShortVector sumB1 = sumA1;
        ShortVector sumA2 =
            IntVector.broadcast(INT, biases[chunk + 2 * chunks]).reinterpretAsShorts();
        ShortVector sumB2 = sumA2;
        ShortVector sumA3 =
            IntVector.broadcast(INT, biases[chunk + 3 * chunks]).reinterpretAsShorts();
        ShortVector sumB3 = sumA3;
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bitsA = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          ShortVector bitsB = ShortVector.fromMemorySegment(SHORT, data, at + SECOND, ORDER);
          at += QUAD_BYTES;
          for (int i = 0; i < Int4Groups.QUAD; i++, done++) {
            ShortVector factor =
                IntVector.broadcast(INT, factors[column0 + done]).reinterpretAsShorts();
            sumA0 = sumA0.add(bitsA.mul(factor));
            sumB0 = sumB0.add(bitsB.mul(factor));
            factor = IntVector.broadcast(INT, factors[column1 + done]).reinterpretAsShorts();
            sumA1 = sumA1.add(bitsA.mul(factor));
            sumB1 = sumB1.add(bitsB.mul(factor));
            factor = IntVector.broadcast(INT, factors[column2 + done]).reinterpretAsShorts();
            sumA2 = sumA2.add(bitsA.mul(factor));
            sumB2 = sumB2.add(bitsB.mul(factor));
            factor = IntVector.broadcast(INT, factors[column3 + done]).reinterpretAsShorts();
            sumA3 = sumA3.add(bitsA.mul(factor));
            sumB3 = sumB3.add(bitsB.mul(factor));
            bitsA = bitsA.lanewise(VectorOperators.LSHR, 4);
            bitsB = bitsB.lanewise(VectorOperators.LSHR, 4);
          }
        }
        sumA0.reinterpretAsFloats().intoArray(work, sumsAt(0, 0) + to);
        sumB0.reinterpretAsFloats().intoArray(work, sumsAt(1, 0) + to);
        sumA1.reinterpretAsFloats().intoArray(work, sumsAt(0, 1) + to);
        sumB1.reinterpretAsFloats().intoArray(work, sumsAt(1, 1) + to);
        sumA2.reinterpretAsFloats().intoArray(work, sumsAt(0, 2) + to);
        sumB2.reinterpretAsFloats().intoArray(work, sumsAt(1, 2) + to);
        sumA3.reinterpretAsFloats().intoArray(work, sumsAt(0, 3) + to);
        sumB3.reinterpretAsFloats().intoArray(work, sumsAt(1, 3) + to);
        to += CHUNK_SUMS;
        chunk++;
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
      int slot,
      float[] work,
      float[] y,
      int to,
      int yStride) {
    float[] scales = x.scales;
    float[] totals = x.totals;
    int chunks = groups.chunks();
    int chunk = token * chunks + group * groups.chunksPerGroup();
    int at = sumsAt(vector, slot);
    int next = sumsAt(vector, slot + 1);
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
      IntVector sums1 = FloatVector.fromArray(FLOAT, work, next).reinterpretAsInts();
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
        total = FloatVector.broadcast(FLOAT, totals[chunk + chunks]);
        lowPart1 = lowZero.fma(total, lowPart1);
        highPart1 = highZero.fma(total, highPart1);
      }
      FloatVector scale = FloatVector.broadcast(FLOAT, scales[chunk]);
      low0 = lowPart0.mul(scale).fma(lowScale, low0);
      high0 = highPart0.mul(scale).fma(highScale, high0);
      scale = FloatVector.broadcast(FLOAT, scales[chunk + chunks]);
      low1 = lowPart1.mul(scale).fma(lowScale, low1);
      high1 = highPart1.mul(scale).fma(highScale, high1);
      chunk++;
      at += CHUNK_SUMS;
      next += CHUNK_SUMS;
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
