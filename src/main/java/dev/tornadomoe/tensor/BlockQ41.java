package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;

/// Q4_1, 32 columns in 20 bytes: F16 d and m, nibbles as in Q4_0; value = q * d + m.
record BlockQ41() implements BlockFormat {
  private static final Coding CODING = new Coding("Q4_1", 32, 20, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float d = Blocks.half(data, at);
    float m = Blocks.half(data, at + 2);
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 4 + i);
      target[to + i] = (pair & 15) * d + m;
      target[to + i + 16] = (pair >>> 4) * d + m;
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
