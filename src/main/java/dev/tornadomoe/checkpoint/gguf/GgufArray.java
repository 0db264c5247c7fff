package dev.tornadomoe.checkpoint.gguf;

import java.util.List;
import java.util.Locale;

/// An array among the values of a GGUF file.
///
/// @param length of it
/// @param numbers its elements where they are few F32, else empty: they were stepped over
public record GgufArray(long length, List<Float> numbers) {
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "an array of %d elements", length);
  }
}
