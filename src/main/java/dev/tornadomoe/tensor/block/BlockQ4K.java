package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q4_K, 256 columns in 144 bytes: F16 d and dmin, 12 bytes with a scale and a minimum of 6 bits
/// for each 32 columns, 128 bytes of nibbles; value = d * scale * q - dmin * minimum. Each 64
/// columns have 32 of the bytes, low nibbles first.
record BlockQ4K() implements BlockFormat {
  private static final Coding CODING = new Coding("Q4_K", Blocks.SUPER, 144, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    long quants = at + 16 + group / 2 * 32L;
    int shift = group % 2 * 4;
    for (int i = 0; i < 32; i++) {
      target[to + i] = scale * ((Blocks.unsignedByte(data, quants + i) >>> shift) & 15) + offset;
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
