package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;

/// Q5_1, 32 columns in 24 bytes: F16 d and m, 32 fifth bits, nibbles as in Q4_0; value = q * d + m.
record BlockQ51() implements BlockFormat {
  private static final Coding CODING = new Coding("Q5_1", 32, 24, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float d = Blocks.half(data, at);
    float m = Blocks.half(data, at + 2);
    int high = Blocks.word(data, at + 4);
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 8 + i);
      target[to + i] = ((pair & 15) | (((high >>> i) & 1) << 4)) * d + m;
      target[to + i + 16] = ((pair >>> 4) | (((high >>> (i + 16)) & 1) << 4)) * d + m;
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
