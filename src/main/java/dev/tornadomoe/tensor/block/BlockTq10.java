package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// TQ1_0, 256 columns in 54 bytes: 48 bytes of five digits to base 3, 4 bytes of four, an F16 d;
/// value = (digit - 1) * d. A byte is a fraction of 256, rounded up, whose digits behind the point
/// come one after the other when it is multiplied by 3. The digits of 32 bytes are columns 32
/// apart, those of the next 16 are 16 apart, and those of the last four 4 apart.
record BlockTq10() implements BlockFormat {
  private static final Coding CODING = new Coding("TQ1_0", Blocks.SUPER, 54, true);
  private static final int D = 52;

  /// The first column of the second and the third run of bytes.
  private static final int SECOND = 160;

  private static final int THIRD = 240;
  private static final int[] POWERS = {1, 3, 9, 27, 81};

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    for (int i = 0; i < 32; i++) {
      target[to + i] = scale * (digit(data, at, group * 32 + i) - 1);
    }
  }

  private static int digit(MemorySegment data, long at, int column) {
    if (column < SECOND) {
      return digit(data, at, column, 32);
    }
    return column < THIRD
        ? digit(data, at + 32, column - SECOND, 16)
        : digit(data, at + 48, column - THIRD, 4);
  }

  /// @param column of a run of so many bytes
  private static int digit(MemorySegment data, long at, int column, int bytes) {
    int fraction = (Blocks.unsignedByte(data, at + column % bytes) * POWERS[column / bytes]) & 0xFF;
    return (fraction * 3) >>> 8;
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
