package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// Q2_K, 256 columns in 84 bytes: 16 bytes with a scale and a minimum of 4 bits for each 16
/// columns, 64 bytes of 2-bit q, F16 d and dmin; value = d * scale * q - dmin * minimum. A half of
/// the columns has 32 of the bytes, its first quarter their lowest bits.
record BlockQ2K() implements BlockFormat {
  private static final Coding CODING = new Coding("Q2_K", Blocks.SUPER, 84, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public void decode(
      MemorySegment data, long at, int group, float scale, float offset, float[] target, int to) {
    long quants = at + 16 + group / 8 * 32L + group % 2 * 16L;
    int shift = group % 8 / 2 * 2;
    for (int i = 0; i < 16; i++) {
      target[to + i] = scale * ((Blocks.unsignedByte(data, quants + i) >>> shift) & 3) + offset;
    }
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at + 80) * (Blocks.unsignedByte(data, at + group) & 15);
  }

  @Override
  public boolean hasOffsets() {
    return true;
  }

  @Override
  public float offset(MemorySegment data, long at, int group) {
    return -(Blocks.half(data, at + 82) * (Blocks.unsignedByte(data, at + group) >>> 4));
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at + 80) && Blocks.isFinite(data, at + 82);
  }
}
