package dev.tornadomoe.tensor.block;

import dev.tornadomoe.tensor.Coding;
import java.lang.foreign.MemorySegment;

/// IQ3_XXS, 256 columns in 98 bytes: an F16 d, a code of 8 bits for each 4 columns, and for each 32
/// columns a word with signs, 7 bits for each 8 columns, below a scale of 4 bits; value = d *
/// (scale + 1/2) / 2 * level, with a sign.
record BlockIq3Xxs() implements CodebookFormat {
  private static final Coding CODING = new Coding("IQ3_XXS", Blocks.SUPER, 98, true);

  @Override
  public Coding coding() {
    return CODING;
  }

  @Override
  public Codebook codebook() {
    return Codebook.IQ3_XXS;
  }

  @Override
  public int code(MemorySegment data, long at, int number) {
    return Blocks.unsignedByte(data, at + 2 + number);
  }

  @Override
  public int signs(MemorySegment data, long at, int number) {
    int ofEight = Codebook.evenSigns(word(data, at, number / 8) >>> (number % 8 / 2 * 7));
    return ofEight >>> (number % 2 * 4);
  }

  @Override
  public float scale(MemorySegment data, long at, int group) {
    return Blocks.half(data, at) * (0.5f + (word(data, at, group) >>> 28)) * 0.5f;
  }

  private static int word(MemorySegment data, long at, int group) {
    return Blocks.word(data, at + 66 + group * 4L);
  }

  @Override
  public boolean isSound(MemorySegment data, long at) {
    return Blocks.isFinite(data, at);
  }
}
