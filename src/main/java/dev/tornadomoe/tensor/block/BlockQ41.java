package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q4_1, 32 columns in 20 bytes: F16 d and m, nibbles as in Q4_0; value = q * d + m.
record BlockQ41() implements BlockFormat {
  private static final Coding CODING = new Coding("Q4_1", 32, 20, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 4 + i);
      target[to + i] = scale * (pair & 15) + offset;
      target[to + i + 16] = scale * (pair >>> 4) + offset;
    }
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at);
  }

  @Override
  public boolean hasOffsets() {
    return true;
  }

  @Override
  public float offset(MemorySegment data, long at, int group) {
    return Blocks.half(data, at + 2);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
