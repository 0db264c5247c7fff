package dev.tornadomoe.plan.explain;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.Liveness;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// One panel of the picture: the first layers of one plan. Steps are columns. The caller's buffers
/// have a row each; below them the workspace, where the vertical place is the place in memory.
/// Bytes are drawn by their logarithm, so that small buffers can be seen beside large ones.
final class SvgPanel {
  private static final int LEFT = 136;
  private static final int RIGHT = 24;

  /// From the upper edge to the labels of steps: the title, and the names of layers.
  private static final int LABELS = 64;

  private static final int ROW = 26;
  private static final int MAX_LAYERS = 2;
  private static final String INK = "#1d2733";
  private static final String FAINT = "#6b7785";
  private static final String OUTPUT = "#2f8f5b";
  private static final String COPY = "#3d5a80";

  /// For scratch buffers, in the order of their operands' first appearance.
  private static final List<String> COLORS =
      List.of(
          "#4c78a8", "#c98a1b", "#7b62a3", "#3f9ea6", "#b2578c", "#8c7a4f", "#5b9bd5", "#a0522d",
          "#6b8e23", "#8b5a9b");

  private final Explanation explanation;
  private final BucketPlan bucket;
  private final String title;
  private final int width;
  private final List<Step> steps;
  private final List<Buffer> buffers;
  private final Map<String, String> colors = new TreeMap<>();
  private final StepLabels labels;

  SvgPanel(Explanation explanation, String title, int width) {
    this.explanation = explanation;
    this.bucket = explanation.bucket();
    this.title = title;
    this.width = width;
    this.steps = bucket.steps().stream().filter(step -> step.layer() < MAX_LAYERS).toList();
    this.buffers = bucket.buffers().stream().filter(buffer -> buffer.layer() < MAX_LAYERS).toList();
    this.labels = new StepLabels(steps, columnWidth());
    for (Buffer buffer : buffers) {
      if (!buffer.isCallers()) {
        colors.computeIfAbsent(
            buffer.operand().name(), name -> COLORS.get(colors.size() % COLORS.size()));
      }
    }
  }

  /// Draws the panel.
  ///
  /// @param y its upper edge
  /// @return its lower edge
  int draw(StringBuilder svg, int y) {
    text(svg, 24, y + 16, 15, INK, "font-weight=\"600\"", title);
    if (steps.isEmpty()) {
      text(svg, 24, y + 40, 12, FAINT, "", "No tokens: nothing is done.");
      return y + 48;
    }
    int top = y + header();
    Map<CallerRegion, Integer> regions = callerRows(top);
    int workspaceTop = top + regions.size() * ROW + 18;
    SortedMap<Long, Integer> heights = workspaceRows(workspaceTop);
    int bottom = heights.sequencedValues().getLast();
    columns(svg, y, bottom);
    text(svg, 24, top + 16, 12, FAINT, "", "caller's memory");
    text(svg, 24, workspaceTop + 16, 12, FAINT, "", "workspace");
    for (Buffer buffer : buffers) {
      switch (buffer.location()) {
        case Buffer.Caller caller -> {
          int row = regions.getOrDefault(caller.region(), top);
          bar(svg, buffer, row + 2, ROW - 4);
        }
        case Buffer.Slot slot -> {
          int from = heights.getOrDefault(slot.offset(), workspaceTop);
          int to = heights.getOrDefault(slot.end(), bottom);
          bar(svg, buffer, from + 1, Math.max(2, to - from - 2));
        }
      }
    }
    int more = explanation.plan().layers().size() - MAX_LAYERS;
    if (more > 0) {
      text(
          svg,
          LEFT,
          bottom + 18,
          12,
          FAINT,
          "",
          String.format(
              Locale.ROOT,
              "... and %s in the same workspace",
              Explanation.count(more, "more layer", "more layers")));
      return bottom + 24;
    }
    return bottom;
  }

  /// A row for each region of the caller's memory, by the order of buffers.
  private Map<CallerRegion, Integer> callerRows(int top) {
    Map<CallerRegion, Integer> rows = new EnumMap<>(CallerRegion.class);
    for (Buffer buffer : buffers) {
      if (buffer.location() instanceof Buffer.Caller caller) {
        // A layer's output row serves the next layer too: they never meet in time.
        rows.putIfAbsent(caller.region(), top + rows.size() * ROW);
      }
    }
    return rows;
  }

  /// Where each byte offset at which a buffer begins or ends is drawn.
  private SortedMap<Long, Integer> workspaceRows(int top) {
    TreeSet<Long> offsets = new TreeSet<>(List.of(0L));
    for (Buffer buffer : buffers) {
      if (buffer.location() instanceof Buffer.Slot slot) {
        offsets.add(slot.offset());
        offsets.add(slot.end());
      }
    }
    TreeMap<Long, Integer> rows = new TreeMap<>();
    int y = top;
    long previous = 0;
    for (long offset : offsets) {
      if (offset > previous) {
        y += isUsed(previous, offset) ? height(offset - previous) : 3;
      }
      rows.put(offset, y);
      previous = offset;
    }
    return rows;
  }

  private boolean isUsed(long from, long to) {
    return buffers.stream()
        .anyMatch(buffer ->
            buffer.location() instanceof Buffer.Slot slot
                && slot.offset() < to
                && from < slot.end());
  }

  /// High enough for a label; a kilobyte gets 18 pixels, a megabyte 50.
  private static int height(long bytes) {
    return (int) Math.max(16, 18 + 3.2 * (Math.log((double) bytes) / Math.log(2) - 10));
  }

  private void columns(StringBuilder svg, int y, int bottom) {
    int layer = -1;
    for (Step step : steps) {
      double x = x(step.index());
      boolean copy = step.isOutputCopy();
      if (copy) {
        svg.append(
            String.format(
                Locale.ROOT,
                "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\""
                    + " opacity=\"0.10\"/>%n",
                x,
                y + header() - 8,
                columnWidth(),
                bottom - y - header() + 12,
                COPY));
      }
      if (step.layer() != layer) {
        layer = step.layer();
        line(svg, x, y + 30, x, bottom + 4, "#aab4bf");
        text(
            svg,
            x + 4,
            y + 42,
            12,
            FAINT,
            "",
            "layer " + explanation.plan().layers().get(layer).index());
      } else {
        line(svg, x, y + header() - 8, x, bottom + 4, "#e8ecf0");
      }
      labels.draw(svg, step, x, y + LABELS, copy ? COPY : INK, copy);
    }
  }

  /// From the upper edge to the first bar.
  private int header() {
    return LABELS + labels.height() + 16;
  }

  private void bar(StringBuilder svg, Buffer buffer, int y, int height) {
    Liveness.Range life = explanation.life(buffer);
    String names = explanation.names(buffer.layer(), buffer);
    boolean result =
        names.contains(Operand.FUSED_OUT.name()) || names.contains(Operand.OUTPUT.name());
    String color =
        result
            ? OUTPUT
            : buffer.isCallers() ? "#8593a3" : colors.getOrDefault(buffer.operand().name(), INK);
    double x = x(life.first()) + 3;
    double barWidth = x(life.last()) + columnWidth() - 3 - x;
    svg.append(
        String.format(
            Locale.ROOT,
            "<g><title>%s: %s %s, %s, steps %d to %d</title>"
                + "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\"/>",
            escape(names),
            buffer.dtype(),
            buffer.shape(),
            ByteSize.format(buffer.bytes()),
            life.first(),
            life.last(),
            x,
            y,
            barWidth,
            height,
            color));
    String label = fit(names, buffer, barWidth);
    if (label.length() < names.length() && names.contains("=")) {
      // That two operands are one buffer is what the picture is about: say it beside the bar.
      text(svg, x - 6, y + height / 2 + 4, 11, color, "text-anchor=\"end\"", names);
    } else {
      text(svg, x + 6, y + height / 2 + 4, 11, "#ffffff", "", label);
    }
    svg.append("</g>\n");
  }

  /// As much of the name and size as there is room for.
  private static String fit(String names, Buffer buffer, double width) {
    int room = (int) ((width - 10) / 5.9);
    String full = names + "  " + ByteSize.format(buffer.bytes());
    String label = full.length() <= room ? full : names;
    return label.length() <= room ? label : room < 2 ? "" : label.substring(0, room - 1) + "…";
  }

  private double columnWidth() {
    return (double) (width - LEFT - RIGHT) / steps.size();
  }

  private double x(int step) {
    return LEFT + (step - steps.getFirst().index()) * columnWidth();
  }

  private static void line(StringBuilder svg, double x1, int y1, double x2, int y2, String color) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>%n",
            x1,
            y1,
            x2,
            y2,
            color));
  }

  private static void text(
      StringBuilder svg, double x, int y, int size, String color, String attributes, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%d\" font-size=\"%d\" fill=\"%s\" %s>%s</text>%n",
            x,
            y,
            size,
            color,
            attributes,
            escape(text)));
  }

  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
