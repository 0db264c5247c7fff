package dev.tornadomoe.tensor.block;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Reads the fields of blocks.
final class Blocks {
  /// Columns of the formats whose names end in `_K`.
  static final int SUPER = 256;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Blocks() {}

  static int unsignedByte(MemorySegment data, long at) {
    return data.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
  }

  static int signedByte(MemorySegment data, long at) {
    return data.get(ValueLayout.JAVA_BYTE, at);
  }

  /// One of the 4-bit numbers from a byte on, of which each byte's lower ones come first.
  static int nibble(MemorySegment data, long at, int number) {
    return unsignedByte(data, at + number / 2) >>> (number % 2 * 4) & 15;
  }

  static int unsignedShort(MemorySegment data, long at) {
    return data.get(SHORT, at) & 0xFFFF;
  }

  static int word(MemorySegment data, long at) {
    return data.get(INT, at);
  }

  static float half(MemorySegment data, long at) {
    return Float.float16ToFloat(data.get(SHORT, at));
  }

  /// Whether an F16 is neither an infinity nor a NaN.
  static boolean isFinite(MemorySegment data, long at) {
    return isFinite(data.get(SHORT, at));
  }

  /// The same of its bits.
  static boolean isFinite(short half) {
    return (half & 0x7C00) != 0x7C00;
  }
}
