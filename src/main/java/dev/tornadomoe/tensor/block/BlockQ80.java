package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q8_0, 32 columns in 34 bytes: an F16 d, 32 signed bytes; value = q * d.
record BlockQ80() implements BlockFormat {
  private static final Coding CODING = new Coding("Q8_0", 32, 34, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    for (int i = 0; i < 32; i++) {
      target[to + i] = scale * Blocks.signedByte(data, at + 2 + i);
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
