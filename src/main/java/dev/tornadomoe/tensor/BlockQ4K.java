package dev.tornadomoe.tensor;

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
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float d = Blocks.half(data, at);
    float dmin = Blocks.half(data, at + 2);
    for (int group = 0; group < 8; group++) {
      float scale = d * ScalesOfSix.scale(data, at + 4, group);
      float minimum = dmin * ScalesOfSix.minimum(data, at + 4, group);
      long quants = at + 16 + group / 2 * 32L;
      int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) {
        int q = (Blocks.unsignedByte(data, quants + i) >>> shift) & 15;
        target[to + group * 32 + i] = scale * q - minimum;
      }
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
