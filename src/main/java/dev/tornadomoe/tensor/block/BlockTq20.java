package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// TQ2_0, 256 columns in 66 bytes: 64 bytes of four numbers of 2 bits, an F16 d; value = (q - 1) *
/// d. A byte of the first 32 has columns 32 apart, lowest bits first, and so have the others from
/// column 128 on.
record BlockTq20() implements BlockFormat {
  private static final Coding CODING = new Coding("TQ2_0", Blocks.SUPER, 66, true);
  private static final int D = 64;

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    long from = at + group / 4 * 32L;
    int shift = group % 4 * 2;
    for (int i = 0; i < 32; i++) {
      target[to + i] = scale * ((Blocks.unsignedByte(data, from + i) >>> shift & 3) - 1);
    }
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at + D);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at + D);
  }
}
