package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
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
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    BlockIq4Nl.decode(data, at + 8 + group * 16L, scale, target, to);
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    int low = Blocks.nibble(data, at + 4, group);
    int high = (Blocks.unsignedShort(data, at + 2) >>> (group * 2)) & 3;
    return Blocks.half(data, at) * ((low | (high << 4)) - 32);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
