package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q6_K, 256 columns in 210 bytes: 128 bytes of nibbles, 64 bytes of upper 2 bits, a signed byte as
/// scale for each 16 columns, an F16 d; value = d * scale * (q - 32). A half of the columns has 64
/// and 32 of the bytes: nibbles of its quarters are the low ones of bytes 0 to 31 and 32 to 63,
/// then the high ones; upper bits 2n belong to quarter n.
record BlockQ6K() implements BlockFormat {
  private static final Coding CODING = new Coding("Q6_K", Blocks.SUPER, 210, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    int half = group / 8;
    int quarter = group % 8 / 2;
    int first = group % 2 * 16;
    long lows = at + half * 64L + quarter % 2 * 32L + first;
    long highs = at + 128 + half * 32L + first;
    int lowShift = quarter / 2 * 4;
    int highShift = quarter * 2;
    for (int i = 0; i < 16; i++) {
      int low = (Blocks.unsignedByte(data, lows + i) >>> lowShift) & 15;
      int high = (Blocks.unsignedByte(data, highs + i) >>> highShift) & 3;
      target[to + i] = scale * ((low | (high << 4)) - 32);
    }
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at + 208) * Blocks.signedByte(data, at + 192 + group);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at + 208);
  }
}
