package dev.tornadomoe.tensor;

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
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float d = Blocks.half(data, at);
    float dmin = Blocks.half(data, at + 2);
    for (int group = 0; group < 8; group++) {
      float scale = d * ScalesOfSix.scale(data, at + 4, group);
      float minimum = dmin * ScalesOfSix.minimum(data, at + 4, group);
      long quants = at + 48 + group / 2 * 32L;
      int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) {
        int low = (Blocks.unsignedByte(data, quants + i) >>> shift) & 15;
        int high = (Blocks.unsignedByte(data, at + 16 + i) >>> group) & 1;
        target[to + group * 32 + i] = scale * (low | (high << 4)) - minimum;
      }
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at) && Blocks.isFinite(data, at + 2);
  }
}
