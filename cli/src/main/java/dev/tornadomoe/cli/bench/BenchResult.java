package dev.tornadomoe.cli.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// One measured point.
///
/// @param tokens M
/// @param alias whether aliasing was asked for
/// @param aliased whether `fused_out` was the output in every layer
/// @param medianMicros per layer
/// @param minMicros per layer
/// @param taskMicros per layer, of tasks alone as the session's profiler reports them (a host's
///   steps, a device's kernels without launches), by operation; empty where there is no profiler
/// @param deviceMicros per layer, of a device that computes beside these tasks, or NaN where none
///   does
/// @param tasksPerLayer tasks of a step by its layers, counted as they ran; rounded up where layers
///   have different numbers of them
/// @param copiesPerStep copies into outputs for all layers, counted as they ran: by the device's
///   profiler where there is one
/// @param weightGbPerSecond bytes of the weights that the routing needs, each expert once, by the
///   median time
/// @param gigaflopsPerSecond multiplications and additions with weights, by the median time
/// @param bandwidthGbPerSecond what the memory reached by itself in the same run, or NaN
/// @param steady whether kernels were compiled and times steady when measuring began
record BenchResult(
    int tokens,
    boolean alias,
    boolean aliased,
    double medianMicros,
    double minMicros,
    Map<String, Double> taskMicros,
    double deviceMicros,
    int tasksPerLayer,
    long copiesPerStep,
    double weightGbPerSecond,
    double gigaflopsPerSecond,
    double bandwidthGbPerSecond,
    boolean steady) {

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("tokens", tokens);
    json.put("alias", alias ? "on" : "off");
    json.put("aliased", aliased);
    json.put("us_per_layer_median", rounded(medianMicros));
    json.put("us_per_layer_min", rounded(minMicros));
    json.put("steady", steady);
    json.put("tasks_per_layer", tasksPerLayer);
    json.put("copies_per_step", copiesPerStep);
    json.put("weight_gb_per_s", rounded(weightGbPerSecond));
    json.put("gflop_per_s", rounded(gigaflopsPerSecond));
    json.put("bandwidth_limit_gb_per_s", roundedOrNull(bandwidthGbPerSecond));
    json.put("kernel_us_per_layer", roundedOrNull(allTasks()));
    Map<String, Double> tasks = new LinkedHashMap<>();
    taskMicros.forEach((task, micros) -> tasks.put(task, rounded(micros)));
    json.put("kernel_us_per_layer_by_task", tasks.isEmpty() ? null : tasks);
    json.put("device_us_per_layer", roundedOrNull(deviceMicros));
    return json;
  }

  private double allTasks() {
    return taskMicros.isEmpty()
        ? Double.NaN
        : taskMicros.values().stream().mapToDouble(micros -> micros).sum();
  }

  /// Microseconds in which the memory alone would have read the layer's weights in the same run, or
  /// NaN where nobody knows how fast it is.
  double floorMicros() {
    return bandwidthGbPerSecond > 0
        ? medianMicros * weightGbPerSecond / bandwidthGbPerSecond
        : Double.NaN;
  }

  /// As tables say it: an alias that was refused is none.
  String aliasText() {
    return alias ? aliased ? "on" : "no" : "off";
  }

  /// What must be known of these figures before they are believed, in one sentence for each token
  /// count that was never steady.
  static List<String> warnings(List<BenchResult> results) {
    return results.stream()
        .filter(result -> !result.steady)
        .map(BenchResult::tokens)
        .distinct()
        .map(Steadiness::warning)
        .toList();
  }

  /// As tables say it.
  String bandwidthText() {
    return text(bandwidthGbPerSecond);
  }

  /// Whether any of these has times of tasks, for which tables then have a column.
  static boolean haveTaskTimes(List<BenchResult> results) {
    return results.stream().anyMatch(result -> !result.taskMicros.isEmpty());
  }

  /// As tables say it.
  String taskText() {
    return text(allTasks());
  }

  /// Each operation's part of the time, as a line of text says it.
  String partsText() {
    return taskMicros.entrySet().stream()
            .map(part -> part.getKey() + " " + text(part.getValue()))
            .collect(Collectors.joining(", "))
        + (Double.isNaN(deviceMicros)
            ? ""
            : String.format(Locale.ROOT, "; on the device meanwhile %.1f", deviceMicros));
  }

  private static String text(double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.1f", value);
  }

  private static @Nullable Double roundedOrNull(double value) {
    return Double.isNaN(value) ? null : rounded(value);
  }

  private static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }
}
