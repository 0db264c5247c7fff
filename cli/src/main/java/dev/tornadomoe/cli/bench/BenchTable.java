package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.cli.console.Wrapped;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.Precision;
import java.io.PrintWriter;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The results as a table for a terminal.
///
/// @param name the preset or model type
/// @param layers what was measured
/// @param device the backend's own words
/// @param precision how activations enter the products
/// @param expertsOnly whether router and shared experts were left out
record BenchTable(
    String name, List<MoeLayer> layers, String device, Precision precision, boolean expertsOnly) {

  /// What was measured, in one line.
  String subject() {
    MoeLayer first = layers.getFirst();
    return String.format(
        Locale.ROOT,
        "%s: %d %s, H %d, I %d, E %d, top-%d, weights %s, precision %s%s",
        name,
        layers.size(),
        layers.size() == 1 ? "layer" : "layers",
        first.hidden(),
        first.intermediate(),
        first.globalExperts(),
        first.topK(),
        first.experts().formats(),
        precision,
        expertsOnly
            ? ", experts only"
            : ", with router" + (first.shared() == null ? "" : " and shared expert"));
  }

  void printHeading(PrintWriter out) {
    out.println(subject());
    out.println(device);
  }

  /// Where the threads ran, and what to do where they hindered each other.
  static String text(CoreUse coreUse) {
    return coreUse.shared()
        ? String.format(
            Locale.ROOT,
            "%d threads ran on %d %s: threads that share a core read memory at the speed of one;"
                + " give the process as many cores, or set -Dtornadomoe.cpu.threads=%d",
            coreUse.threads(),
            coreUse.cores(),
            coreUse.cores() == 1 ? "core" : "cores",
            coreUse.cores())
        : coreUse.threads() == 1
            ? "the only thread had its own core"
            : String.format(Locale.ROOT, "each of %d threads had its own core", coreUse.threads());
  }

  /// The names of the columns.
  ///
  /// @param results what the first lines will be
  void printColumns(PrintWriter out, List<BenchResult> results) {
    boolean tasks = BenchResult.haveTaskTimes(results);
    out.println(
        "               us/layer          "
            + (tasks ? "      tasks" : "")
            + "   tasks/  copies/  weights  memory alone");
    out.println(
        "     M  alias    median       min"
            + (tasks ? "   us/layer" : "")
            + "    layer     step     GB/s          GB/s  GFLOP/s");
  }

  void print(PrintWriter out, List<BenchResult> results) {
    boolean tasks = BenchResult.haveTaskTimes(results);
    for (BenchResult r : results) {
      out.println(
          String.format(
              Locale.ROOT,
              "%6d  %-5s  %8.1f  %8.1f%s  %7d  %7d  %7.1f  %12s  %7.1f",
              r.tokens(),
              r.aliasText(),
              r.medianMicros(),
              r.minMicros(),
              tasks ? String.format(Locale.ROOT, "  %9s", r.taskText()) : "",
              r.tasksPerLayer(),
              r.copiesPerStep(),
              r.weightGbPerSecond(),
              r.bandwidthText(),
              r.gigaflopsPerSecond()));
    }
    BenchResult.warnings(results).forEach(out::println);
  }

  /// What the time of tasks consists of, where it is known: for each M, with the alias if it was
  /// measured.
  static void printParts(PrintWriter out, List<BenchResult> results) {
    Set<Integer> told = new HashSet<>();
    for (BenchResult r : results) {
      if (!r.taskMicros().isEmpty() && told.add(r.tokens())) {
        String first = String.format(Locale.ROOT, "M = %d, us/layer: ", r.tokens());
        Wrapped.lines(first, r.partsText()).forEach(out::println);
      }
    }
  }
}
