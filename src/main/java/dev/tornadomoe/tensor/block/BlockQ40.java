package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q4_0, 32 columns in 18 bytes: an F16 d, 16 bytes of nibbles, low ones first for columns 0 to 15;
/// value = (q - 8) * d.
record BlockQ40() implements BlockFormat {
  private static final Coding CODING = new Coding("Q4_0", 32, 18, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + 2 + i);
      target[to + i] = scale * ((pair & 15) - 8);
      target[to + i + 16] = scale * ((pair >>> 4) - 8);
    }
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
