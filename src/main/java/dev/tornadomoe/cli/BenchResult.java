package dev.tornadomoe.cli;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// One measured point.
///
/// @param tokens M
/// @param alias whether aliasing was asked for
/// @param aliased whether `fused_out` was the output in every layer
/// @param medianMicros per layer
/// @param minMicros per layer
/// @param tasksPerLayer operations carried out for one layer
/// @param copiesPerStep copies into outputs for all layers, counted as they ran
/// @param weightGbPerSecond bytes of the weights that the routing needs, each expert once, by the
///   median time
/// @param bandwidthGbPerSecond what reading the same experts' weights reached in the same run
record BenchResult(
    int tokens,
    boolean alias,
    boolean aliased,
    double medianMicros,
    double minMicros,
    int tasksPerLayer,
    long copiesPerStep,
    double weightGbPerSecond,
    double bandwidthGbPerSecond) {

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("tokens", tokens);
    json.put("alias", alias ? "on" : "off");
    json.put("aliased", aliased);
    json.put("us_per_layer_median", rounded(medianMicros));
    json.put("us_per_layer_min", rounded(minMicros));
    json.put("tasks_per_layer", tasksPerLayer);
    json.put("copies_per_step", copiesPerStep);
    json.put("weight_gb_per_s", rounded(weightGbPerSecond));
    json.put(
        "bandwidth_limit_gb_per_s",
        Double.isNaN(bandwidthGbPerSecond) ? null : (Object) rounded(bandwidthGbPerSecond));
    return json;
  }

  /// As tables say it: a wish that was refused is no alias.
  String aliasText() {
    return alias ? aliased ? "on" : "no" : "off";
  }

  /// As tables say it.
  String bandwidthText() {
    return Double.isNaN(bandwidthGbPerSecond)
        ? "-"
        : String.format(Locale.ROOT, "%.1f", bandwidthGbPerSecond);
  }

  private static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }
}
