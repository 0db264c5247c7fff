package dev.tornadomoe.plan.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Rows of text in aligned columns, in lines of at most 100 characters where the cells allow it: a
/// cell that is a list or a sum goes on in the line below.
final class TextTable {
  private static final int WIDTH = 100;
  private static final String GAP = "  ";

  private final String indent;
  private final String alignment;
  private final List<List<String>> rows = new ArrayList<>();

  /// @param indent before each line
  /// @param alignment one letter per column: l or r
  TextTable(String indent, String alignment) {
    this.indent = indent;
    this.alignment = alignment;
  }

  TextTable row(String... cells) {
    rows.add(List.of(cells));
    return this;
  }

  String render() {
    int[] widths = new int[alignment.length()];
    Arrays.setAll(widths, column -> widest(column, WIDTH));
    while (lineWidth(widths) > WIDTH && narrow(widths)) {
      // one column less wide with each turn
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      List<List<String>> cells = new ArrayList<>();
      for (int column = 0; column < row.size(); column++) {
        cells.add(lines(row.get(column), widths[column]));
      }
      int height = cells.stream().mapToInt(List::size).max().orElse(0);
      for (int line = 0; line < height; line++) {
        text.append(line(cells, widths, line)).append('\n');
      }
    }
    return text.toString();
  }

  private int lineWidth(int[] widths) {
    return indent.length() + Arrays.stream(widths).sum() + GAP.length() * (widths.length - 1);
  }

  /// Narrows the widest column of which something can go on below.
  ///
  /// @return whether there is one
  private boolean narrow(int[] widths) {
    int best = -1;
    for (int column = 0; column < widths.length; column++) {
      if ((best < 0 || widths[column] > widths[best])
          && widest(column, widths[column] - 1) < widths[column]) {
        best = column;
      }
    }
    if (best >= 0) {
      widths[best] = widest(best, widths[best] - 1);
    }
    return best >= 0;
  }

  /// The longest line of a column whose cells go on below at a limit.
  private int widest(int column, int limit) {
    return rows.stream()
        .filter(row -> column < row.size())
        .flatMap(row -> lines(row.get(column), limit).stream())
        .mapToInt(String::length)
        .max()
        .orElse(0);
  }

  /// A cell's lines: it breaks behind commas and before pluses.
  private static List<String> lines(String cell, int limit) {
    List<String> lines = new ArrayList<>();
    String line = "";
    for (String part : cell.split("(?<=, )|(?= \\+ )", -1)) {
      if (!line.isEmpty() && (line + part).stripTrailing().length() > limit) {
        lines.add(line.strip());
        line = "";
      }
      line += part;
    }
    lines.add(line.strip());
    return lines;
  }

  private String line(List<List<String>> cells, int[] widths, int index) {
    StringBuilder line = new StringBuilder(indent);
    for (int column = 0; column < cells.size(); column++) {
      List<String> lines = cells.get(column);
      String cell = index < lines.size() ? lines.get(index) : "";
      String padding = " ".repeat(widths[column] - cell.length());
      line.append(column == 0 ? "" : GAP);
      line.append(alignment.charAt(column) == 'r' ? padding + cell : cell + padding);
    }
    return line.toString().stripTrailing();
  }
}
