package dev.tornadomoe.cli.console;

import java.util.ArrayList;
import java.util.List;

/// Text in lines of at most 100 characters.
public final class Wrapped {
  private static final int WIDTH = 100;

  private Wrapped() {}

  /// A text's lines, broken at spaces; a longer word has a line for itself.
  ///
  /// @param first what the first line begins with
  /// @param text words with spaces between them
  /// @return the lines; all but the first begin with as many spaces as `first` has characters, and
  ///   two more
  public static List<String> lines(String first, String text) {
    List<String> lines = new ArrayList<>();
    String indent = " ".repeat(first.length() + 2);
    StringBuilder line = new StringBuilder(first);
    int begin = first.length();
    for (String word : text.split(" ", -1)) {
      if (line.length() > begin && line.length() + 1 + word.length() > WIDTH) {
        lines.add(line.toString());
        line = new StringBuilder(indent);
        begin = indent.length();
      }
      line.append(line.length() > begin ? " " : "").append(word);
    }
    lines.add(line.toString());
    return lines;
  }
}
