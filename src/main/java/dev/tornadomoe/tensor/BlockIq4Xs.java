package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;

/// IQ4_XS, 256 columns in 136 bytes: an F16 d, 16 upper and 32 lower bits of eight 6-bit scales,
/// 128 bytes of nibbles; each 32 columns as in IQ4_NL with d * (scale - 32).
record BlockIq4Xs() implements BlockFormat {
  private static final Coding CODING = new Coding("IQ4_XS", Blocks.SUPER, 136, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(MemorySegment data, long at, float[] target, int to) {
    float d = Blocks.half(data, at);
    int highs = Blocks.unsignedShort(data, at + 2);
    for (int group = 0; group < 8; group++) {
      int low = (Blocks.unsignedByte(data, at + 4 + group / 2) >>> (group % 2 * 4)) & 15;
      int high = (highs >>> (group * 2)) & 3;
      float scale = d * ((low | (high << 4)) - 32);
      BlockIq4Nl.decode(data, at + 8 + group * 16L, scale, target, to + group * 32);
    }
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
