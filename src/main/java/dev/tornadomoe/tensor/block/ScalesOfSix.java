package dev.tornadomoe.tensor.block;

import java.lang.foreign.MemorySegment;

/// The 12 bytes in which Q4_K and Q5_K keep eight scales and eight minima of 6 bits. Bytes 0 to 3
/// are scales 0 to 3 and bytes 4 to 7 minima 0 to 3, in their lower six bits; bytes 8 to 11 have
/// the lower four bits of scales 4 to 7 and, above them, of minima 4 to 7, whose upper two bits are
/// the upper ones of bytes 0 to 7.
public final class ScalesOfSix {
  private ScalesOfSix() {}

  /// {@return one of eight scales, 0 to 63}
  ///
  /// @param data blocks one after the other
  /// @param at the first of the 12 bytes
  /// @param group 0 to 7
  public static int scale(MemorySegment data, long at, int group) {
    return group < 4
        ? Blocks.unsignedByte(data, at + group) & 63
        : (Blocks.unsignedByte(data, at + group + 4) & 15)
            | ((Blocks.unsignedByte(data, at + group - 4) >>> 6) << 4);
  }

  /// {@return one of eight minimums, 0 to 63}
  ///
  /// @param data blocks one after the other
  /// @param at the first of the 12 bytes
  /// @param group 0 to 7
  public static int minimum(MemorySegment data, long at, int group) {
    return group < 4
        ? Blocks.unsignedByte(data, at + group + 4) & 63
        : (Blocks.unsignedByte(data, at + group + 4) >>> 4)
            | ((Blocks.unsignedByte(data, at + group) >>> 6) << 4);
  }
}
