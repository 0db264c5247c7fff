package dev.tornadomoe.plan.explain;

import java.util.ArrayList;
import java.util.List;

/// Rows of text in aligned columns.
final class TextTable {
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
    for (List<String> row : rows) {
      for (int column = 0; column < row.size(); column++) {
        widths[column] = Math.max(widths[column], row.get(column).length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder(indent);
      for (int column = 0; column < row.size(); column++) {
        String padding = " ".repeat(widths[column] - row.get(column).length());
        line.append(column == 0 ? "" : "  ");
        line.append(
            alignment.charAt(column) == 'r'
                ? padding + row.get(column)
                : row.get(column) + padding);
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
