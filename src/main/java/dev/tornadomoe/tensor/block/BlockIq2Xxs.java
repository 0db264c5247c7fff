package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ2_XXS, 256 columns in 66 bytes: an F16 d, then for each 32 columns four codes of 8 bits and a
/// word with their signs, 7 bits each, below a scale of 4 bits; value = d * (scale + 1/2) / 4 *
/// level, with a sign.
record BlockIq2Xxs() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ2_XXS", Blocks.SUPER, 66, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ2_XXS;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    return Blocks.unsignedByte(data, at + 2 + number / 4 * 8L + number % 4);
  }

  @Override
  public int signs(MemorySegment data, long at, int number) {
    return Codebook.evenSigns(word(data, at, number / 4) >>> (number % 4 * 7));
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (0.5f + (word(data, at, group) >>> 28)) * 0.25f;
  }

  private static int word(MemorySegment data, long at, int group) {
    return Blocks.word(data, at + 6 + group * 8L);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
