package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ1_S, 256 columns in 50 bytes: an F16 d, 8 lower bits of a code for each 8 columns, and for
/// each 32 columns a short with 3 upper bits of each code, a scale of 3 bits and a sign; value = d
/// * (2 * scale + 1) * (level + 1/8 with that sign). Levels are -1, 0 and 1; q is one more, and
///   what it is more than the value is a group's offset.
record BlockIq1S() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ1_S", Blocks.SUPER, 50, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ1_S;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    int high = highs(data, at, number / 4) >>> (number % 4 * 3) & 7;
    return Blocks.unsignedByte(data, at + 2 + number) | high << 8;
  }

  @Override
  public float addend(MemorySegment data, long at, int number) {
    return 1;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (2 * (highs(data, at, group) >>> 12 & 7) + 1);
  }

  @Override
  public boolean hasOffsets() {
    return true;
  }

  @Override
  public float offset(MemorySegment data, long at, int group) {
    return scale(data, at, group) * (eighth(data, at, group) - 1);
  }

  private static float eighth(MemorySegment data, long at, int group) {
    return (highs(data, at, group) & 0x8000) == 0 ? 0.125f : -0.125f;
  }

  private static int highs(MemorySegment data, long at, int group) {
    return Blocks.unsignedShort(data, at + 34 + group * 2L);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
