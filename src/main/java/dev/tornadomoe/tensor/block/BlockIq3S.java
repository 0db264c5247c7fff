package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ3_S, 256 columns in 110 bytes: an F16 d, 8 lower bits of a code for each 4 columns, their
/// ninth bits, a bit of sign for each column, and a scale of 4 bits for each 32 columns; value = d
/// * (2 * scale + 1) * level, with a sign.
///
/// Levels are odd, from 1 to 15. So with signs they are 2 * q - 15, and q, from 0 to 15, fits 4
/// bits.
record BlockIq3S() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ3_S", Blocks.SUPER, 110, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ3_S;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    int ninth = Blocks.unsignedByte(data, at + 66 + number / 8) >>> (number % 8) & 1;
    return Blocks.unsignedByte(data, at + 2 + number) | ninth << 8;
  }

  @Override
  public int signs(MemorySegment data, long at, int number) {
    return Blocks.nibble(data, at + 74, number);
  }

  private static float step(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (1 + 2 * Blocks.nibble(data, at + 106, group));
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return 2 * step(data, at, group);
  }

  @Override
  public boolean hasOffsets() {
    return true;
  }

  @Override
  public float offset(MemorySegment data, long at, int group) {
    return -15 * step(data, at, group);
  }

  @Override
  public float factor() {
    return 0.5f;
  }

  @Override
  public float addend(MemorySegment data, long at, int number) {
    return 7.5f;
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
