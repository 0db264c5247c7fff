package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q3_K, 256 columns in 110 bytes: 32 bytes of third bits, 64 bytes of 2-bit q as in Q2_K, 12 bytes
/// with 16 scales of 6 bits, an F16 d; value = d * (scale - 32) * (q - 4 without the third bit).
record BlockQ3K() implements BlockFormat {
  private static final Coding CODING = new Coding("Q3_K", Blocks.SUPER, 110, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    long quants = at + 32 + group / 8 * 32L + group % 2 * 16L;
    long thirds = at + group % 2 * 16L;
    int shift = group % 8 / 2 * 2;
    int third = group / 2;
    for (int i = 0; i < 16; i++) {
      int q = (Blocks.unsignedByte(data, quants + i) >>> shift) & 3;
      int missing = ~(Blocks.unsignedByte(data, thirds + i) >>> third) & 1;
      target[to + i] = scale * (q - 4 * missing);
    }
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at + 108) * (sixBits(data, at + 96, group) - 32);
  }

  /// Four bits of each scale lie in the first 8 bytes, low nibbles first, the upper two bits of
  /// scale n in byte 8 + n % 4.
  private static int sixBits(MemorySegment data, long at, int group) {
    int low = (Blocks.unsignedByte(data, at + group % 8) >>> (group / 8 * 4)) & 15;
    int high = (Blocks.unsignedByte(data, at + 8 + group % 4) >>> (group / 4 * 2)) & 3;
    return low | (high << 4);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at + 108);
  }
}
