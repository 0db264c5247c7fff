package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ4_NL, 32 columns in 18 bytes: an F16 d, nibbles as in Q4_0; value = d * level(q), levels being
/// closer to each other near 0.
record BlockIq4Nl() implements BlockFormat {
  private static final Coding CODING = new Coding("IQ4_NL", 32, 18, true);

  private static final float[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    decode(data, at + 2, scale, target, to);
  }

  /// Writes 32 values.
  ///
  /// @param at their first nibble
  static void decode(MemorySegment data, long at, float scale, float[] target, int to) {
    for (int i = 0; i < 16; i++) {
      int pair = Blocks.unsignedByte(data, at + i);
      target[to + i] = scale * LEVELS[pair & 15];
      target[to + i + 16] = scale * LEVELS[pair >>> 4];
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
