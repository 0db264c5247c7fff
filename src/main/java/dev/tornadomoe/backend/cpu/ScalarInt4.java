package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// 4-bit weights, scalar: the sums of a group, then times its scale, like [VectorInt4] to the bit.
final class ScalarInt4 implements CpuMatrix {
  private static final int LANES = Int4Blocks.LANES;

  private final Int4Blocks blocks;
  private final MemorySegment words;
  private final MemorySegment scales;
  private final @Nullable MemorySegment zeros;

  ScalarInt4(Int4Blocks blocks) {
    this.blocks = blocks;
    this.words = blocks.words();
    this.scales = blocks.scales();
    this.zeros = blocks.zeros();
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
    return blocks.wordsPerRow() * 8;
  }

  @Override
  public int workSize() {
    return 0;
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row++) {
      for (int token = 0; token < tokens; token++) {
        y[token * yStride + row - rowFrom] = dot(row, x, token * paddedColumns());
      }
    }
  }

  private float dot(int row, float[] x, int at) {
    long block = row / LANES;
    int lane = row % LANES;
    float sum = 0;
    for (int group = 0; group < blocks.groups(); group++) {
      int first = group * blocks.wordsPerGroup();
      int end = Math.min(first + blocks.wordsPerGroup(), blocks.wordsPerRow());
      long groupAt = (block * blocks.groups() + group) * LANES + lane;
      float zero = zeros == null ? 0 : zeros.get(ValueLayout.JAVA_SHORT, groupAt * 2);
      float partial = 0;
      for (int word = first; word < end; word++) {
        int bits =
            words.get(
                ValueLayout.JAVA_INT, ((block * blocks.wordsPerRow() + word) * LANES + lane) * 4);
        for (int i = 0; i < 8; i++) {
          float value = ((bits << (28 - 4 * i)) >> 28) - zero;
          partial = Math.fma(value, x[at + word * 8 + i], partial);
        }
      }
      sum = Math.fma(partial, scale(groupAt), sum);
    }
    return sum;
  }

  private float scale(long at) {
    DType type = blocks.scaleType();
    if (type == DType.F32) {
      return Float.intBitsToFloat(scales.get(ValueLayout.JAVA_INT, at * 4));
    }
    short bits = scales.get(ValueLayout.JAVA_SHORT, at * 2);
    return type == DType.F16 ? Float.float16ToFloat(bits) : BFloat16.toFloat(bits);
  }
}
