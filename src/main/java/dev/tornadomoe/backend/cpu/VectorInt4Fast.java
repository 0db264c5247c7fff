package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;
import static dev.tornadomoe.backend.cpu.Species.SHORT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// 4-bit weights in [Int4Blocks] times activations that are whole numbers ([RoundedRows]), a lane
/// of 16 bits for each row. Products are added up in 16 bits and may wrap on the way: the sum over
/// a chunk of 32 columns, started at -8 times the sum of its activations, fits into 16 bits and so
/// is exact modulo 2^16. Then it is scaled in F32, once per chunk.
///
/// Nor is a nibble ever cut out of its lane. With the lane's 16 bits v0 = n0 + 16 n1 + 256 n2 +
/// 4096 n3 and v1, v2, v3 shifted right by 4, 8, 12, the sum n0 a0 + n1 a1 + n2 a2 + n3 a3 is v0 a0
/// + v1 (a1 - 16 a0) + v2 (a2 - 16 a1) + v3 (a3 - 16 a2), modulo 2^16 to the bit; these factors are
///   what [RoundedRows] stages.
///
/// Two vectors of rows by one token, or one by four: with more the compiler would inline no more.
/// Every result is summed in the same order whatever the number of tokens and the width of vectors.
/// See [VectorInt4] for the copies and for why this is written out.
final class VectorInt4Fast implements CpuMatrix {
  private static final Int4Variant VARIANT =
      KernelCopies.constants(MethodHandles.lookup(), Int4Variant.class);
  private static final boolean ZERO_POINTS = VARIANT.zeroPoints();
  private static final boolean WIDE_SCALES = VARIANT.wideScales();
  private static final boolean F16_SCALES = VARIANT.f16Scales();
  private static final boolean WHOLE_CHUNKS = VARIANT.wholeChunks();

  /// Of a block.
  private static final int ROWS = Species.INT4_BLOCK_ROWS;

  private static final int QUAD_BYTES = 2 * ROWS;

  /// The rows whose numbers are in the upper halves.
  private static final int HIGH_ROWS = ROWS / 2;

  /// From a block's first vector of rows to its second.
  private static final long SECOND = 4L * LANES;

  private static final int HIGH_HALF = 0xFFFF0000;

  /// An F16's fields in an F32's places, and what is left between the exponents then.
  private static final int F16_FIELDS = 0x8FFFE000;

  private static final float F16_REBIAS = 0x1p112f;

  private final Int4Blocks blocks;
  private final Int4Groups groups;
  private final MemorySegment data;
  private final int count;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4Fast(Int4Blocks blocks) {
    this.blocks = blocks;
    this.groups = blocks.groups();
    this.data = blocks.data();
    this.count = groups.count();
    this.tailBytes = blocks.groupTail();
    this.zerosAt = (long) ROWS * blocks.scaleType().bytes();
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
  public RowForm form() {
    return new RowForm.Rounded(groups);
  }

  @Override
  public int workSize() {
    return 0;
  }

  @Override
  public void multiply(int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work) {
    int end = Math.ceilDiv(rowTo, ROWS);
    for (int token = 0; token < x.tokens(); token += Interleaving.width(x.tokens(), token)) {
      boolean single = Interleaving.width(x.tokens(), token) == 1;
      for (int block = rowFrom / ROWS; block < end; block++) {
        long from = block * blocks.blockBytes();
        int to = token * yStride + block * ROWS - rowFrom;
        if (single) {
          oneToken(from, x, token, y, to);
        } else {
          for (int vector = 0; vector < 2; vector++) {
            fourTokens(from + vector * SECOND, x, token, y, to + vector * LANES, yStride);
          }
        }
      }
    }
  }

  private void oneToken(long from, StagedRows x, int token, float[] y, int to) {
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
      for (int done = 0; done < quads; done += Int4Groups.CHUNK, chunk += 1) {
        int inChunk = WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - done);
        ShortVector sumA = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sumB = sumA;
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bitsA = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          ShortVector bitsB = ShortVector.fromMemorySegment(SHORT, data, at + SECOND, ORDER);
          at += QUAD_BYTES;
          // Not written out: the compiler inlines less in larger methods, and makes objects of
          // vectors.
          for (int i = 0; i < Int4Blocks.QUAD; i++, column++) {
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

  private void fourTokens(long from, StagedRows x, int token, float[] y, int to, int yStride) {
    int[] factors = x.factors;
    int[] biases = x.biases;
    float[] scales = x.scales;
    float[] totals = x.totals;
    FloatVector low0 = FloatVector.zero(FLOAT);
    FloatVector high0 = low0;
    FloatVector low1 = low0;
    FloatVector high1 = low0;
    FloatVector low2 = low0;
    FloatVector high2 = low0;
    FloatVector low3 = low0;
    FloatVector high3 = low0;
    long at = from;
    int column = token * groups.paddedColumns();
    int chunk = token * groups.chunks();
    for (int group = 0; group < count; group++) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(group);
      long tail = at + (long) quads * QUAD_BYTES;
      for (int done = 0; done < quads; done += Int4Groups.CHUNK, chunk += Interleaving.WIDE) {
        int inChunk = WHOLE_CHUNKS ? Int4Groups.CHUNK : Math.min(Int4Groups.CHUNK, quads - done);
        ShortVector sum0 = IntVector.broadcast(INT, biases[chunk]).reinterpretAsShorts();
        ShortVector sum1 = IntVector.broadcast(INT, biases[chunk + 1]).reinterpretAsShorts();
        ShortVector sum2 = IntVector.broadcast(INT, biases[chunk + 2]).reinterpretAsShorts();
        ShortVector sum3 = IntVector.broadcast(INT, biases[chunk + 3]).reinterpretAsShorts();
        for (int quad = 0; quad < inChunk; quad++) {
          ShortVector bits = ShortVector.fromMemorySegment(SHORT, data, at, ORDER);
          at += QUAD_BYTES;
          for (int i = 0; i < Int4Blocks.QUAD; i++, column += Interleaving.WIDE) {
            sum0 =
                sum0.add(bits.mul(IntVector.broadcast(INT, factors[column]).reinterpretAsShorts()));
            sum1 =
                sum1.add(
                    bits.mul(IntVector.broadcast(INT, factors[column + 1]).reinterpretAsShorts()));
            sum2 =
                sum2.add(
                    bits.mul(IntVector.broadcast(INT, factors[column + 2]).reinterpretAsShorts()));
            sum3 =
                sum3.add(
                    bits.mul(IntVector.broadcast(INT, factors[column + 3]).reinterpretAsShorts()));
            bits = bits.lanewise(VectorOperators.LSHR, 4);
          }
        }
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
        FloatVector lowZero = FloatVector.zero(FLOAT);
        FloatVector highZero = lowZero;
        if (ZERO_POINTS) {
          IntVector zeros = IntVector.fromMemorySegment(INT, data, tail + zerosAt, ORDER);
          lowZero =
              (FloatVector)
                  zeros
                      .lanewise(VectorOperators.LSHL, 16)
                      .lanewise(VectorOperators.ASHR, 16)
                      .convert(VectorOperators.I2F, 0);
          highZero =
              (FloatVector)
                  zeros.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0);
        }
        FloatVector scale = FloatVector.broadcast(FLOAT, scales[chunk]);
        FloatVector total = FloatVector.broadcast(FLOAT, ZERO_POINTS ? totals[chunk] : 0f);
        IntVector whole = sum0.reinterpretAsInts();
        FloatVector part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZero.fma(total, part);
        }
        low0 = part.mul(scale).fma(lowScale, low0);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZero.fma(total, part);
        }
        high0 = part.mul(scale).fma(highScale, high0);
        scale = FloatVector.broadcast(FLOAT, scales[chunk + 1]);
        total = FloatVector.broadcast(FLOAT, ZERO_POINTS ? totals[chunk + 1] : 0f);
        whole = sum1.reinterpretAsInts();
        part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZero.fma(total, part);
        }
        low1 = part.mul(scale).fma(lowScale, low1);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZero.fma(total, part);
        }
        high1 = part.mul(scale).fma(highScale, high1);
        scale = FloatVector.broadcast(FLOAT, scales[chunk + 2]);
        total = FloatVector.broadcast(FLOAT, ZERO_POINTS ? totals[chunk + 2] : 0f);
        whole = sum2.reinterpretAsInts();
        part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZero.fma(total, part);
        }
        low2 = part.mul(scale).fma(lowScale, low2);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZero.fma(total, part);
        }
        high2 = part.mul(scale).fma(highScale, high2);
        scale = FloatVector.broadcast(FLOAT, scales[chunk + 3]);
        total = FloatVector.broadcast(FLOAT, ZERO_POINTS ? totals[chunk + 3] : 0f);
        whole = sum3.reinterpretAsInts();
        part =
            (FloatVector) whole.lanewise(VectorOperators.LSHL, 16).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = lowZero.fma(total, part);
        }
        low3 = part.mul(scale).fma(lowScale, low3);
        part = (FloatVector) whole.and(HIGH_HALF).convert(VectorOperators.I2F, 0);
        if (ZERO_POINTS) {
          part = highZero.fma(total, part);
        }
        high3 = part.mul(scale).fma(highScale, high3);
      }
      at = tail + tailBytes;
    }
    low0.intoArray(y, to);
    high0.intoArray(y, to + HIGH_ROWS);
    low1.intoArray(y, to + yStride);
    high1.intoArray(y, to + yStride + HIGH_ROWS);
    low2.intoArray(y, to + 2 * yStride);
    high2.intoArray(y, to + 2 * yStride + HIGH_ROWS);
    low3.intoArray(y, to + 3 * yStride);
    high3.intoArray(y, to + 3 * yStride + HIGH_ROWS);
  }
}
