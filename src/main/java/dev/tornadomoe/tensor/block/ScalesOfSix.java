package dev.tornadomoe.tensor.block;

import java.lang.foreign.MemorySegment;

/// The 12 bytes in which Q4_K and Q5_K keep eight scales and eight minima of 6 bits. Bytes 0 to 3
/// are scales 0 to 3 and bytes 4 to 7 minima 0 to 3, in their lower six bits; bytes 8 to 11 have
/// the lower four bits of scales 4 to 7 and, above them, of minima 4 to 7, whose upper two bits are
/// the upper ones of bytes 0 to 7.
public final class ScalesOfSix {
  private ScalesOfSix() {}

  /// One of eight.
  ///
  /// @param at the first of the 12 bytes
  public static int scale(MemorySegment data, long at, int group) {
    return group < 4
        ? Blocks.unsignedByte(data, at + group) & 63
        : (Blocks.unsignedByte(data, at + group + 4) & 15)
            | ((Blocks.unsignedByte(data, at + group - 4) >>> 6) << 4);
  }

  /// One of eight.
  ///
  /// @param at the first of the 12 bytes
  public static int minimum(MemorySegment data, long at, int group) {
    return group < 4
        ? Blocks.unsignedByte(data, at + group + 4) & 63
        : (Blocks.unsignedByte(data, at + group + 4) >>> 4)
            | ((Blocks.unsignedByte(data, at + group) >>> 6) << 4);
  }
}
