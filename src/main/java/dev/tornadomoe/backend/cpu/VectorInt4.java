package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.LANES;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// 4-bit weights in [Int4Blocks] times F32 activations, a lane for each row. A nibble is not
/// shifted to the lowest bits but masked and converted where it is: the power of two too much is in
/// the staged activations, exactly ([FloatRows]). Nor does it get its sign: the 8 that is too much
/// is taken off once per group, times the sum of its activations. One token: two vectors of rows
/// side by side, which are four sums under way. Four tokens: one vector of rows, each decoded
/// nibble serving all of them. Every result is summed in the same order whatever the number of
/// tokens and the width of vectors.
///
/// Used in copies, one for each [Int4Variant] ([KernelCopies]). No method here hands a vector to
/// another one: in methods of this size the compiler does not inline that, and makes an object of
/// it.
final class VectorInt4 implements CpuMatrix {
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

  /// A quad's first nibble.
  private static final int NIBBLE = 0xF;

  /// What makes a nibble without sign the weight, times the sum of the activations.
  private static final float OFFSET = -8f;

  private final Int4Blocks blocks;
  private final Int4Groups groups;
  private final MemorySegment data;
  private final int count;
  private final int tailBytes;
  private final long zerosAt;

  VectorInt4(Int4Blocks blocks) {
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
    return new RowForm.Floats(groups);
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
        // Not written out: the compiler inlines less in larger methods, and makes objects of
        // vectors.
        for (int i = 0; i < Int4Blocks.QUAD; i++, column++) {
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

  private void fourTokens(long from, StagedRows x, int token, float[] y, int to, int yStride) {
    float[] floats = x.floats;
    float[] sums = x.sums;
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
    int sumAt = token * count;
    for (int group = 0; group < count; group++, sumAt += 4) {
      int quads = WHOLE_CHUNKS ? Int4Groups.CHUNK : groups.quads(group);
      FloatVector lowPart0 = FloatVector.zero(FLOAT);
      FloatVector highPart0 = lowPart0;
      FloatVector lowPart1 = lowPart0;
      FloatVector highPart1 = lowPart0;
      FloatVector lowPart2 = lowPart0;
      FloatVector highPart2 = lowPart0;
      FloatVector lowPart3 = lowPart0;
      FloatVector highPart3 = lowPart0;
      for (int quad = 0; quad < quads; quad++) {
        IntVector bits = IntVector.fromMemorySegment(INT, data, at, ORDER);
        at += QUAD_BYTES;
        IntVector highBits = bits.lanewise(VectorOperators.LSHR, 16);
        for (int i = 0; i < Int4Blocks.QUAD; i++, column += Interleaving.WIDE) {
          IntVector nibble = IntVector.broadcast(INT, NIBBLE << (4 * i));
          FloatVector low = (FloatVector) bits.and(nibble).convert(VectorOperators.I2F, 0);
          FloatVector high = (FloatVector) highBits.and(nibble).convert(VectorOperators.I2F, 0);
          FloatVector activation = FloatVector.broadcast(FLOAT, floats[column]);
          lowPart0 = low.fma(activation, lowPart0);
          highPart0 = high.fma(activation, highPart0);
          activation = FloatVector.broadcast(FLOAT, floats[column + 1]);
          lowPart1 = low.fma(activation, lowPart1);
          highPart1 = high.fma(activation, highPart1);
          activation = FloatVector.broadcast(FLOAT, floats[column + 2]);
          lowPart2 = low.fma(activation, lowPart2);
          highPart2 = high.fma(activation, highPart2);
          activation = FloatVector.broadcast(FLOAT, floats[column + 3]);
          lowPart3 = low.fma(activation, lowPart3);
          highPart3 = high.fma(activation, highPart3);
        }
      }
      FloatVector lowScale;
      FloatVector highScale;
      if (WIDE_SCALES) {
        lowScale = FloatVector.fromMemorySegment(FLOAT, data, at, ORDER);
        highScale = FloatVector.fromMemorySegment(FLOAT, data, at + HIGH_ROWS * 4L, ORDER);
      } else {
        IntVector scales = IntVector.fromMemorySegment(INT, data, at, ORDER);
        IntVector lowBits = scales.lanewise(VectorOperators.LSHL, 16);
        if (F16_SCALES) {
          lowScale =
              lowBits
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
          highScale =
              scales
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(F16_FIELDS)
                  .reinterpretAsFloats()
                  .mul(F16_REBIAS);
        } else {
          lowScale = lowBits.reinterpretAsFloats();
          highScale = scales.and(HIGH_HALF).reinterpretAsFloats();
        }
      }
      FloatVector lowOffset = FloatVector.broadcast(FLOAT, OFFSET);
      FloatVector highOffset = lowOffset;
      if (ZERO_POINTS) {
        IntVector zeros = IntVector.fromMemorySegment(INT, data, at + zerosAt, ORDER);
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
      FloatVector sum = FloatVector.broadcast(FLOAT, sums[sumAt + 0]);
      low0 = lowOffset.fma(sum, lowPart0).fma(lowScale, low0);
      high0 = highOffset.fma(sum, highPart0).fma(highScale, high0);
      sum = FloatVector.broadcast(FLOAT, sums[sumAt + 1]);
      low1 = lowOffset.fma(sum, lowPart1).fma(lowScale, low1);
      high1 = highOffset.fma(sum, highPart1).fma(highScale, high1);
      sum = FloatVector.broadcast(FLOAT, sums[sumAt + 2]);
      low2 = lowOffset.fma(sum, lowPart2).fma(lowScale, low2);
      high2 = highOffset.fma(sum, highPart2).fma(highScale, high2);
      sum = FloatVector.broadcast(FLOAT, sums[sumAt + 3]);
      low3 = lowOffset.fma(sum, lowPart3).fma(lowScale, low3);
      high3 = highOffset.fma(sum, highPart3).fma(highScale, high3);
      at += tailBytes;
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
