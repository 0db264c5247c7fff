package dev.tornadomoe.tensor.text;

import java.util.List;

/// Layer indices as people read them.
public final class Ranges {
  private Ranges() {}

  /// {@return numbers as in `1-3, 5`, or `none`}
  ///
  /// @param ascending numbers, each once
  public static String of(List<Integer> ascending) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ascending.size(); ) {
      int end = i;
      while (end + 1 < ascending.size() && ascending.get(end + 1) == ascending.get(end) + 1) {
        end++;
      }
      text.append(text.isEmpty() ? "" : ", ").append(ascending.get(i));
      if (end > i) {
        text.append('-').append(ascending.get(end));
      }
      i = end + 1;
    }
    return text.isEmpty() ? "none" : text.toString();
  }
}
