package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.cli.console.Complaint;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.console.Machine;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.explain.Explanation;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The results as one page that needs nothing else: machine, charts, table, the plan's picture, and
/// what `--json` prints.
final class BenchReport {

  /// Light or dark as the reader's system is. The picture of the plan has its own colours, on
  /// white.
  private static final String STYLE =
      """
      :root { color-scheme: light dark; --ink: #1d2733; --paper: #fff; --faint: #5c6773; --line: #d9dee3;
              --on: #7cc29a; --off: #b3bdc9; --floor: #2f8f5b; }
      @media (prefers-color-scheme: dark) {
        :root { --ink: #e4e9ee; --paper: #14191f; --faint: #9aa7b4; --line: #333d47;
                --on: #2f7d53; --off: #55606d; --floor: #6fcb98; } }
      body { font: 16px/1.5 system-ui, "Helvetica Neue", Helvetica, Arial, sans-serif; color: var(--ink);
             background: var(--paper); max-width: 1240px; margin: 0 auto; padding: 16px; }
      h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
      .note, figcaption, caption { color: var(--faint); text-align: left; }
      code, dd, .note { overflow-wrap: anywhere; }
      dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0; }
      dt { color: var(--faint); } dd { margin: 0; }
      figure { margin: 0 0 20px; } ul.bars { list-style: none; margin: 4px 0; padding: 0; max-width: 860px; }
      .bars li { display: grid; grid-template-columns: 10rem 1fr 6.5rem; gap: 0 10px; \
        align-items: center; margin: 3px 0; }
      .track { position: relative; height: 18px; }
      .bar, .floor { position: absolute; left: 0; top: 0; height: 18px; border-radius: 3px; }
      .on { background: var(--on); } .off { background: var(--off); }
      .floor { background: var(--floor); top: 6px; height: 6px; }
      .value { font-variant-numeric: tabular-nums; text-align: right; }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; font-variant-numeric: tabular-nums; } caption { padding-bottom: 6px; }
      td, th { padding: 6px 12px; text-align: right; border-bottom: 1px solid var(--line); font-weight: 400; }
      thead th { font-weight: 600; vertical-align: bottom; }
      .picture { background: #fff; border: 1px solid var(--line); border-radius: 6px; }
      .picture svg { display: block; min-width: 820px; width: 100%; height: auto; }
      pre { font-size: 13px; line-height: 1.4; }
      @media (max-width: 560px) {
        dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
        .bars li { grid-template-columns: 1fr 6.5rem; margin: 8px 0; } .track { grid-row: 2; grid-column: 1 / 3; } }
      """;

  private BenchReport() {}

  /// The page.
  ///
  /// @param coreUse where the threads ran, if that is known
  /// @param launches how the work of a call was launched, if there is more than one way
  /// @param command what was typed
  /// @param figures what `--json` prints
  static String render(
      BenchTable table,
      MoePlan plan,
      List<BenchResult> results,
      @Nullable CoreUse coreUse,
      @Nullable String launches,
      String command,
      Map<String, Object> figures) {
    BenchCharts charts = new BenchCharts(results);
    int tokens = results.getFirst().tokens();
    Explanation explanation = Explanation.of(plan, tokens);
    return String.format(
        Locale.ROOT,
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>moe bench: %s</title>
        <style>
        %s</style></head><body>
        <h1>moe bench: %s</h1>
        %s
        <h2>Time per layer</h2>
        %s%s
        <h2>Figures</h2>
        %s
        <h2>The plan</h2>
        <figure><figcaption>M = %d, without the alias and as planned; bars at the same height share memory</figcaption>
        <div class="scroll picture" tabindex="0" role="group" aria-label="picture of the plan">
        %s</div></figure>
        <details><summary>The same in words</summary>
        <div class="scroll" tabindex="0" role="group" aria-label="the plan in words"><pre>%s</pre></div></details>
        <p class="note">What <code>moe bench --json</code> prints is in this file too, \
        as the element with the id <code>figures</code>.</p>
        <script type="application/json" id="figures">
        %s</script>
        </body></html>
        """,
        line(table.name()),
        STYLE,
        line(table.name()),
        machine(table, coreUse, launches, command),
        charts.byTokens(),
        floorNote(results) + charts.byAlias(),
        table(results),
        tokens,
        explanation.svg(),
        escape(explanation.text()),
        // In a script element nothing is unescaped but by JSON itself.
        JsonOutput.of(figures).replace("<", "\\u003c"));
  }

  private static String machine(
      BenchTable table, @Nullable CoreUse coreUse, @Nullable String launches, String command) {
    return String.format(
        Locale.ROOT,
        """
        <dl id="machine">
        <dt>Measured</dt><dd>%s</dd>
        <dt>Device</dt><dd>%s</dd>
        <dt>Machine</dt><dd>%s</dd>
        %s%s\
        <dt>Date</dt><dd>%s</dd>
        <dt>Command</dt><dd><code>%s</code></dd>
        </dl>\
        """,
        line(table.subject()),
        line(table.device()),
        line(Machine.describe()),
        coreUse == null
            ? ""
            : String.format(
                Locale.ROOT, "<dt>Threads</dt><dd>%s</dd>\n", line(BenchTable.text(coreUse))),
        launches == null
            ? ""
            : String.format(Locale.ROOT, "<dt>Launches</dt><dd>%s</dd>\n", line(launches)),
        LocalDate.now(ZoneOffset.UTC),
        line(command));
  }

  private static String floorNote(List<BenchResult> results) {
    return results.stream().allMatch(r -> Double.isNaN(r.floorMicros()))
        ? ""
        : "<p class=\"note\">The thin line in a bar: reading the same weights at the speed of the"
            + " memory alone.</p>\n";
  }

  private static String table(List<BenchResult> results) {
    boolean tasks = BenchResult.haveTaskTimes(results);
    StringBuilder rows = new StringBuilder();
    for (BenchResult r : results) {
      rows.append(
          String.format(
              Locale.ROOT,
              """
              <tr><th scope="row">%d</th><th scope="row">%s</th><td>%.1f</td><td>%.1f</td>%s\
              <td>%d</td><td>%d</td><td>%.1f</td><td>%s</td><td>%.1f</td></tr>
              """,
              r.tokens(),
              r.aliasText(),
              r.medianMicros(),
              r.minMicros(),
              tasks ? String.format(Locale.ROOT, "<td>%s</td>", r.taskText()) : "",
              r.tasksPerLayer(),
              r.copiesPerStep(),
              r.weightGbPerSecond(),
              r.bandwidthText(),
              r.gigaflopsPerSecond()));
    }
    return String.format(
        Locale.ROOT,
        """
        <p class="note">M: tokens of a call; alias: whether experts write the output ("no": asked for and refused).</p>
        <div class="scroll" tabindex="0" role="group" aria-label="table of figures">
        <table id="results"><caption>By M and alias</caption>
        <thead><tr><th scope="col">M</th><th scope="col">alias</th><th scope="col">us/layer, median</th>\
        <th scope="col">minimum</th>%s\
        <th scope="col">tasks/layer</th><th scope="col">copies/step</th><th scope="col">weights GB/s</th>\
        <th scope="col">memory alone GB/s</th><th scope="col">GFLOP/s</th></tr></thead>
        <tbody>
        %s</tbody></table></div>
        %s\
        """,
        tasks ? "<th scope=\"col\">tasks us/layer</th>" : "",
        rows,
        BenchResult.warnings(results).stream()
            .map(warning -> "<p class=\"note\">" + line(warning) + "</p>\n")
            .collect(Collectors.joining()));
  }

  /// Names come from files and from the command line.
  private static String line(String text) {
    return escape(Complaint.printable(text));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
