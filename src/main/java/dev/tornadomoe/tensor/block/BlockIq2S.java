package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ2_S, 256 columns in 82 bytes: an F16 d, for each 8 columns 8 lower bits of a code, then for
/// each 8 a byte of signs, then for each 8 the code's 2 upper bits, and a scale of 4 bits for each
/// 16 columns; value = d * (scale + 1/2) / 4 * level, with a sign.
record BlockIq2S() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ2_S", Blocks.SUPER, 82, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ2_S;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    int high = Blocks.unsignedByte(data, at + 66 + number / 4) >>> (number % 4 * 2) & 3;
    return Blocks.unsignedByte(data, at + 2 + number) | high << 8;
  }

  @Override
  public int signs(MemorySegment data, long at, int number) {
    return Blocks.unsignedByte(data, at + 34 + number);
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (0.5f + Blocks.nibble(data, at + 74, group)) * 0.25f;
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
