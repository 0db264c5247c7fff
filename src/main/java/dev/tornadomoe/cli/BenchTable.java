package dev.tornadomoe.cli;

import dev.tornadomoe.layer.MoeLayer;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/// The results as a table for a terminal.
///
/// @param name the preset or model type
/// @param layers what was measured
/// @param device the backend's own words
/// @param expertsOnly whether router and shared experts were left out
record BenchTable(String name, List<MoeLayer> layers, String device, boolean expertsOnly) {

  /// What was measured, in one line.
  String subject() {
    MoeLayer first = layers.getFirst();
    return "%s: %d layers, H %d, I %d, E %d, top-%d, weights %s%s"
        .formatted(
            name,
            layers.size(),
            first.hidden(),
            first.intermediate(),
            first.globalExperts(),
            first.topK(),
            first.experts().formats(),
            expertsOnly
                ? ", experts only"
                : ", with router" + (first.shared() == null ? "" : " and shared expert"));
  }

  void printHeading(PrintWriter out) {
    out.println(subject());
    out.println(device);
  }

  /// The names of the columns.
  ///
  /// @param results what the first lines will be
  void printColumns(PrintWriter out, List<BenchResult> results) {
    out.println(
        "     M  alias   us/layer median       min%s  tasks/layer  copies/step  weights GB/s  memory alone GB/s"
            .formatted(BenchResult.haveKernelTimes(results) ? "  kernels us/layer" : ""));
  }

  void print(PrintWriter out, List<BenchResult> results) {
    boolean kernels = BenchResult.haveKernelTimes(results);
    for (BenchResult r : results) {
      out.println(
          String.format(
              Locale.ROOT,
              "%6d  %-5s  %16.1f  %8.1f%s  %11d  %11d  %12.1f  %18s",
              r.tokens(),
              r.aliasText(),
              r.medianMicros(),
              r.minMicros(),
              kernels ? "  %16s".formatted(r.kernelText()) : "",
              r.tasksPerLayer(),
              r.copiesPerStep(),
              r.weightGbPerSecond(),
              r.bandwidthText()));
    }
  }
}
