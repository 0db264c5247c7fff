package dev.tornadomoe.plan.explain;

import dev.tornadomoe.plan.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The names of steps above their columns, cut into lines so that each stays inside its column.
/// Where a word is wider than a column, all lines go upwards.
final class StepLabels {
  private static final int SIZE = 11;
  private static final int LINE = 13;
  private static final double CHARACTER = 6.2;
  private static final int MARGIN = 5;

  private final Map<Integer, List<String>> lines = new LinkedHashMap<>();
  private final boolean upright;
  private final double columnWidth;
  private final int height;

  StepLabels(List<Step> steps, double columnWidth) {
    this.columnWidth = columnWidth;
    int across = (int) ((columnWidth - MARGIN) / CHARACTER);
    this.upright =
        steps.stream()
            .flatMap(step -> List.of(label(step).split(" ", -1)).stream())
            .allMatch(word -> word.length() <= across);
    int room = upright ? across : longestThatFits(steps);
    steps.forEach(step -> lines.put(step.index(), wrapped(label(step), room)));
    int most = lines.values().stream().mapToInt(List::size).max().orElse(0);
    int longest = longestLine();
    this.height = upright ? most * LINE : (int) Math.ceil(longest * CHARACTER);
  }

  /// How high the highest label is, in pixels.
  int height() {
    return height;
  }

  /// Draws a step's label.
  ///
  /// @param x the left edge of its column
  /// @param y the upper edge of the labels; they stand on their lower edge
  void draw(StringBuilder svg, Step step, double x, int y, String color, boolean bold) {
    List<String> ofStep = lines.getOrDefault(step.index(), List.of());
    svg.append(
        String.format(
            Locale.ROOT,
            "<text %sfont-size=\"%d\" fill=\"%s\"%s>",
            upright
                ? ""
                : String.format(Locale.ROOT, "transform=\"rotate(-90 %.1f %d)\" ", x, y + height),
            SIZE,
            color,
            bold ? " font-weight=\"600\"" : ""));
    for (int i = 0; i < ofStep.size(); i++) {
      int line = y + height - (upright ? (ofStep.size() - 1 - i) * LINE : -(i + 1) * LINE);
      svg.append(
          String.format(
              Locale.ROOT,
              "%s<tspan x=\"%.1f\" y=\"%d\">%s</tspan>",
              i == 0 ? "" : " ",
              upright ? x + MARGIN : x,
              line,
              SvgPanel.escape(ofStep.get(i))));
    }
    svg.append("</text>\n");
  }

  private static String label(Step step) {
    return step.index() + " " + step.operation().name();
  }

  /// The shortest lines of which a column holds as many as the labels then have.
  private int longestThatFits(List<Step> steps) {
    int columns = Math.max(1, (int) (columnWidth / LINE));
    int room = 1;
    while (true) {
      int characters = room;
      if (steps.stream().allMatch(step -> wrapped(label(step), characters).size() <= columns)) {
        return room;
      }
      room++;
    }
  }

  private int longestLine() {
    return lines.values().stream().flatMap(List::stream).mapToInt(String::length).max().orElse(0);
  }

  /// At spaces; a word that is longer has a line for itself.
  private static List<String> wrapped(String text, int room) {
    List<String> wrapped = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ", -1)) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > room) {
        wrapped.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    wrapped.add(line.toString());
    return wrapped;
  }
}
