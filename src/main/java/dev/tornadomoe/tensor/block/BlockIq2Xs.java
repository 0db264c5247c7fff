package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ2_XS, 256 columns in 74 bytes: an F16 d, for each 8 columns a code of 9 bits below 7 bits of
/// signs, and a scale of 4 bits for each 16 columns; value = d * (scale + 1/2) / 4 * level, with a
/// sign.
record BlockIq2Xs() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ2_XS", Blocks.SUPER, 74, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ2_XS;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    return Blocks.unsignedShort(data, at + 2 + number * 2L) & 511;
  }

  @Override
  public int signs(MemorySegment data, long at, int number) {
    return Codebook.evenSigns(Blocks.unsignedShort(data, at + 2 + number * 2L) >>> 9);
  }

  @Override
  public int groupSize() {
    return 16;
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (0.5f + Blocks.nibble(data, at + 66, group)) * 0.25f;
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
