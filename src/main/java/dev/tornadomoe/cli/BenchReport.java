package dev.tornadomoe.cli;

import dev.tornadomoe.plan.MoePlan;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;

/// The results as one page that needs nothing else: table, chart, the plan's picture.
final class BenchReport {
  private static final int CHART_WIDTH = 760;
  private static final int BAR = 22;

  private BenchReport() {}

  static String render(BenchTable table, MoePlan plan, List<BenchResult> results) {
    return """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8"><title>moe bench: %1$s</title>
    <style>
    body { font: 15px/1.5 "Helvetica Neue", Helvetica, Arial, sans-serif; color: #1d2733;
           max-width: 1280px; margin: 32px auto; padding: 0 24px; }
    table { border-collapse: collapse; margin: 16px 0 32px; }
    td, th { padding: 6px 14px; text-align: right; border-bottom: 1px solid #e3e7eb; }
    th { font-weight: 600; }
    .note { color: #6b7785; }
    svg { max-width: 100%%; height: auto; }
    </style></head><body>
    <h1>moe bench: %1$s</h1>
    <p>%2$s<br>%3$s<br><span class="note">%4$s</span></p>
    <h2>Time per layer</h2>
    %5$s
    <table id="results"><thead><tr><th>M</th><th>alias</th><th>us/layer, median</th><th>minimum</th>%8$s\
    <th>tasks/layer</th><th>copies/step</th><th>weights GB/s</th><th>memory alone GB/s</th><th>GFLOP/s</th></tr></thead>
    <tbody>
    %6$s</tbody></table>
    <h2>The plan</h2>
    %7$s
    </body></html>
    """
        .formatted(
            escape(table.name()),
            escape(table.subject()),
            escape(table.device()),
            LocalDate.now(ZoneOffset.UTC),
            chart(results),
            rows(results),
            plan.explain(results.getFirst().tokens()).svg(),
            BenchResult.haveKernelTimes(results) ? "<th>kernels us/layer</th>" : "");
  }

  private static String rows(List<BenchResult> results) {
    boolean kernels = BenchResult.haveKernelTimes(results);
    StringBuilder rows = new StringBuilder();
    for (BenchResult r : results) {
      rows.append(
          String.format(
              Locale.ROOT,
              "<tr><td>%d</td><td>%s</td><td>%.1f</td><td>%.1f</td>%s<td>%d</td><td>%d</td><td>%.1f</td><td>%s</td><td>%.1f</td></tr>%n",
              r.tokens(),
              r.aliasText(),
              r.medianMicros(),
              r.minMicros(),
              kernels ? "<td>%s</td>".formatted(r.kernelText()) : "",
              r.tasksPerLayer(),
              r.copiesPerStep(),
              r.weightGbPerSecond(),
              r.bandwidthText(),
              r.gigaflopsPerSecond()));
    }
    return rows.toString();
  }

  /// A bar for each result, by the logarithm of its time: M = 1 and M = 2048 are far apart.
  private static String chart(List<BenchResult> results) {
    double most = results.stream().mapToDouble(BenchResult::medianMicros).max().orElse(1);
    double least = results.stream().mapToDouble(BenchResult::medianMicros).min().orElse(1) / 2;
    double perDecade = (CHART_WIDTH - 260) / Math.max(0.3, Math.log10(most / least));
    StringBuilder svg = new StringBuilder();
    int y = 4;
    for (BenchResult r : results) {
      double width = Math.log10(r.medianMicros() / least) * perDecade;
      svg.append(
          String.format(
              Locale.ROOT,
              "<text x=\"0\" y=\"%d\" font-size=\"13\" fill=\"#1d2733\">M = %d, alias %s</text>"
                  + "<rect x=\"140\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\"/>"
                  + "<text x=\"%.1f\" y=\"%d\" font-size=\"13\" fill=\"#1d2733\">%.1f us</text>%n",
              y + 15,
              r.tokens(),
              r.aliasText(),
              y,
              width,
              BAR - 4,
              r.aliased() ? "#2f8f5b" : "#c8442f",
              148 + width,
              y + 15,
              r.medianMicros()));
      y += BAR;
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"Helvetica, Arial, sans-serif\">%s</svg><p class=\"note\">Bars are logarithmic.</p>"
        .formatted(CHART_WIDTH, y + 4, svg);
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
