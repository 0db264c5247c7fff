package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q5_K, 256 columns in 176 bytes: as Q4_K, with 32 bytes of fifth bits before the nibbles; bit n
/// of byte i belongs to column 32 n + i.
record BlockQ5K() implements BlockFormat {
  private static final Coding CODING = new Coding("Q5_K", Blocks.SUPER, 176, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    long quants = at + 48 + group / 2 * 32L;
    int shift = group % 2 * 4;
    for (int i = 0; i < 32; i++) {
      int low = (Blocks.unsignedByte(data, quants + i) >>> shift) & 15;
      int high = (Blocks.unsignedByte(data, at + 16 + i) >>> group) & 1;
      target[to + i] = scale * (low | (high << 4)) + offset;
    }
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * ScalesOfSix.scale(data, at + 4, group);
  }

  @Override
  public boolean hasOffsets() {
    return true;
  }

  @Override
  public float offset(MemorySegment data, long at, int group) {
    return -(Blocks.half(data, at + 2) * ScalesOfSix.minimum(data, at + 4, group));
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
