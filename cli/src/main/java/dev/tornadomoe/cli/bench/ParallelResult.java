package dev.tornadomoe.cli.bench;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// One measured point of layers whose experts are divided among ranks. Times are those of the
/// slowest rank, messages and bytes those of all ranks together.
///
/// @param tokens M, of all ranks together
/// @param medianMicros per layer
/// @param minMicros per layer
/// @param dispatchMicros per layer, for bringing rows to their experts; the median of steps in
///   which ranks began with it at the same time
/// @param expertMicros per layer, until results are there; likewise
/// @param combineMicros per layer, for bringing results back; likewise
/// @param messages per layer
/// @param bytes per layer
/// @param copiesPerStep copies into outputs for all layers, counted as they ran
/// @param steady whether kernels were compiled and times steady when measuring began
record ParallelResult(
    int tokens,
    double medianMicros,
    double minMicros,
    double dispatchMicros,
    double expertMicros,
    double combineMicros,
    double messages,
    double bytes,
    long copiesPerStep,
    boolean steady) {

  /// What part of a layer's time exchanging takes.
  double exchangeShare() {
    return (dispatchMicros + combineMicros) / medianMicros;
  }

  static String columns() {
    return "        us/layer                 us        us       us    of the  messages/       KiB/"
        + "  copies/"
        + System.lineSeparator()
        + "     M    median       min  dispatch   experts  combine     layer      layer      layer"
        + "     step";
  }

  /// The figures, and below them what must be known before they are believed.
  String line() {
    return String.format(
        Locale.ROOT,
        "%6d  %8.1f  %8.1f  %8.1f  %8.1f  %7.1f  %6.1f %%  %9.1f  %9.1f  %7d%s",
        tokens,
        medianMicros,
        minMicros,
        dispatchMicros,
        expertMicros,
        combineMicros,
        100 * exchangeShare(),
        messages,
        bytes / 1024,
        copiesPerStep,
        steady ? "" : System.lineSeparator() + Steadiness.warning(tokens));
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("tokens", tokens);
    json.put("us_per_layer_median", rounded(medianMicros));
    json.put("us_per_layer_min", rounded(minMicros));
    json.put("steady", steady);
    json.put("dispatch_us_per_layer", rounded(dispatchMicros));
    json.put("experts_us_per_layer", rounded(expertMicros));
    json.put("combine_us_per_layer", rounded(combineMicros));
    json.put("exchange_share", Math.round(1000 * exchangeShare()) / 1000.0);
    json.put("messages_per_layer", rounded(messages));
    json.put("bytes_per_layer", rounded(bytes));
    json.put("copies_per_step", copiesPerStep);
    return json;
  }

  private static double rounded(double value) {
    return Math.round(value * 10) / 10.0;
  }
}
