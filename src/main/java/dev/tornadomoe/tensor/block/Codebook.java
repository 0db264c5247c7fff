package dev.tornadomoe.tensor.block;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// The levels that ggml's IQ formats choose from: a code stands for 8 columns, or for 4 in IQ3, and
/// not all levels stand side by side. They are in `codebooks.txt`, read when the first such block
/// is decoded.
@SuppressWarnings("ImmutableEnumChecker") // filled before anyone can see them
public enum Codebook {
  /// Levels 8, 25 and 43, as those of the two after it.
  IQ2_XXS(256, 8),
  /// Its own and, with other entries, IQ2_XXS's levels.
  IQ2_XS(512, 8),
  /// The same.
  IQ2_S(1024, 8),
  /// Levels 4, 12, and so on to 52, and 62.
  IQ3_XXS(256, 4),
  /// Levels 1, 3, and so on to 15.
  IQ3_S(512, 4),
  /// Levels -1, 0 and 1. Of IQ1_M, too.
  IQ1_S(2048, 8);

  private final int width;
  private final float[] levels;

  Codebook(int entries, int width) {
    this.width = width;
    this.levels = new float[entries * width];
  }

  static {
    try (InputStream file = Codebook.class.getResourceAsStream("codebooks.txt")) {
      if (file == null) {
        throw new IllegalStateException("codebooks.txt is not beside " + Codebook.class.getName());
      }
      read(
          new BufferedReader(new InputStreamReader(file, StandardCharsets.US_ASCII))
              .lines()
              .filter(line -> !line.startsWith("#"))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void read(List<String> lines) {
    Codebook book = IQ2_XXS;
    float[] ofDigits = new float[0];
    int at = 0;
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      if (line.startsWith("IQ")) {
        book = valueOf(words[0]);
        ofDigits = new float[words.length - 1];
        for (int digit = 0; digit < ofDigits.length; digit++) {
          ofDigits[digit] = Integer.parseInt(words[digit + 1]);
        }
        at = 0;
        continue;
      }
      for (String entry : words) {
        for (int i = 0; i < entry.length(); i++) {
          book.levels[at++] = ofDigits[entry.charAt(i) - '0'];
        }
      }
    }
  }

  /// {@return how many columns a code stands for}
  public int width() {
    return width;
  }

  /// {@return whole numbers, `[entries, width]`, which nobody may change}
  public float[] levels() {
    return levels;
  }

  /// {@return the signs of 8 columns of which the file has 7: an even number is negative}
  ///
  /// @param seven bits, others are passed over
  static int evenSigns(int seven) {
    int bits = seven & 0x7F;
    return bits | (Integer.bitCount(bits) & 1) << 7;
  }
}
