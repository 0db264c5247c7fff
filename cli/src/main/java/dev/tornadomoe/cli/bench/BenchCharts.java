package dev.tornadomoe.cli.bench;

import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;

/// The charts of a [BenchReport]: lists of bars, which a stylesheet makes as wide as the screen and
/// a screen reader reads as text.
final class BenchCharts {
  private final List<BenchResult> results;

  BenchCharts(List<BenchResult> results) {
    this.results = results;
  }

  /// Every result. Bars are logarithmic: one token and many are far apart. The thin line is the
  /// time in which the memory alone would have read the weights, in the same run.
  String byTokens() {
    DoubleSummaryStatistics drawn =
        results.stream()
            .flatMapToDouble(r -> DoubleStream.of(r.medianMicros(), r.floorMicros()))
            .filter(micros -> micros > 0)
            .summaryStatistics();
    double least = drawn.getMin() / 2; // the shortest bar can be seen
    double most = drawn.getMax();
    StringBuilder bars = new StringBuilder();
    for (BenchResult r : results) {
      bars.append(
          bar(
              String.format(Locale.ROOT, "M = %d, alias %s", r.tokens(), r.aliasText()),
              r,
              percent(r.medianMicros(), least, most),
              r.floorMicros() > 0 ? percent(r.floorMicros(), least, most) : 0));
    }
    return list("by-tokens", "Time per layer by M, logarithmic", bars);
  }

  /// With alias beside without, for each M that has both; empty where none has. Bars begin at zero
  /// and compare within one M.
  String byAlias() {
    Map<Integer, List<BenchResult>> points = new LinkedHashMap<>();
    results.forEach(r -> points.computeIfAbsent(r.tokens(), m -> new ArrayList<>()).add(r));
    points.values().removeIf(point -> point.size() < 2);
    StringBuilder charts = new StringBuilder();
    points.forEach((tokens, point) -> {
      double most = point.stream().mapToDouble(BenchResult::medianMicros).max().orElse(1);
      StringBuilder bars = new StringBuilder();
      point.forEach(
          r -> bars.append(bar("alias " + r.aliasText(), r, r.medianMicros() / most * 100, 0)));
      charts.append(list("by-alias-" + tokens, comparison(tokens, point), bars));
    });
    return charts.toString();
  }

  private static String comparison(int tokens, List<BenchResult> point) {
    if (!point.getFirst().aliased()) {
      return String.format(Locale.ROOT, "M = %d: the alias was refused", tokens);
    }
    double on = point.getFirst().medianMicros();
    double off = point.getLast().medianMicros();
    return String.format(
        Locale.ROOT,
        "M = %d: %.1f %% %s with the alias",
        tokens,
        Math.abs(1 - on / off) * 100,
        on <= off ? "less" : "more");
  }

  private static double percent(double value, double least, double most) {
    return Math.log(value / least) / Math.log(most / least) * 100;
  }

  /// @param width of the bar, in percent of the room there is
  /// @param floor width of the thin line, likewise; 0 for none
  private static String bar(String label, BenchResult r, double width, double floor) {
    return String.format(
        Locale.ROOT,
        "<li><span>%s</span><span class=\"track\"><span class=\"bar %s\""
            + " style=\"width:%.2f%%\"></span>%s</span><span class=\"value\">%.1f us</span></li>%n",
        label,
        r.aliased() ? "on" : "off",
        width,
        floor > 0
            ? String.format(
                Locale.ROOT, "<span class=\"floor\" style=\"width:%.2f%%\"></span>", floor)
            : "",
        r.medianMicros());
  }

  private static String list(String id, String caption, StringBuilder bars) {
    return String.format(
        Locale.ROOT,
        "<figure><figcaption>%s</figcaption>\n<ul class=\"bars\" id=\"%s\">\n%s</ul></figure>\n",
        caption,
        id,
        bars);
  }
}
