package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import java.lang.foreign.MemorySegment;

/// A block format whose codes stand for several columns each. A column's q is `factor * sign *
/// level + addend`, exactly, as all of these are short.
public sealed interface CodebookFormat extends BlockFormat
    permits BlockIq1M, BlockIq1S, BlockIq2S, BlockIq2Xs, BlockIq2Xxs, BlockIq3S, BlockIq3Xxs {

  /// {@return what codes stand for}
  Codebook codebook();

  /// {@return a code}
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param number of the code in the block
  int code(MemorySegment data, long at, int number);

  /// {@return a set bit for each of a code's columns that is negative, the first one's lowest; what
  /// is above them has no meaning}
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param number of the code in the block
  default int signs(MemorySegment data, long at, int number) {
    return 0;
  }

  /// {@return what levels are multiplied by}
  default float factor() {
    return 1;
  }

  /// {@return what is added to a code's levels then}
  ///
  /// @param data blocks one after the other
  /// @param at the block's first byte
  /// @param number of the code in the block
  default float addend(MemorySegment data, long at, int number) {
    return 0;
  }

  @Override
  default void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    float[] levels = codebook().levels();
    int width = codebook().width();
    int codes = groupSize() / width;
    float factor = factor();
    boolean hasOffsets = hasOffsets();
    for (int i = 0; i < codes; i++) {
      int number = group * codes + i;
      int from = code(data, at, number) * width;
      int signs = signs(data, at, number);
      float addend = addend(data, at, number);
      for (int column = 0; column < width; column++) {
        // Not a condition: which sign it is can't be predicted.
        int bits = Float.floatToRawIntBits(levels[from + column]) ^ signs >>> column << 31;
        float q = Float.intBitsToFloat(bits) * factor + addend;
        target[to + i * width + column] = hasOffsets ? scale * q + offset : scale * q;
      }
    }
  }
}
