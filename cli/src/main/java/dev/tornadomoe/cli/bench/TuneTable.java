package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.Tuner;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// What a tuner found, as a table for a terminal and as JSON.
///
/// @param name the preset or model type
/// @param report what was found
record TuneTable(String name, Tuner.Report report) {

  void print(PrintWriter out) {
    out.println(String.format(Locale.ROOT, "%s on %s", name, report.device()));
    out.println("     M  used for M  variants    us/layer     default  chosen");
    for (Tuner.Choice choice : report.choices()) {
      out.println(
          String.format(
              Locale.ROOT,
              "%6d  %-10s  %8d  %10.1f  %10.1f  %s",
              choice.tokens(),
              choice.fromTokens() == choice.toTokens()
                  ? choice.fromTokens()
                  : choice.fromTokens() + "-" + choice.toTokens(),
              choice.variants(),
              choice.micros(),
              choice.defaultMicros(),
              choice.chosen()));
    }
    out.println(
        report.file() == null ? "nothing to choose, nothing written" : "wrote " + report.file());
  }

  Map<String, Object> json() {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("device", report.device());
    root.put("preset", name);
    root.put("file", report.file() == null ? null : report.file().toString());
    root.put("choices", report.choices().stream().map(TuneTable::json).toList());
    return root;
  }

  private static Map<String, Object> json(Tuner.Choice choice) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("tokens", choice.tokens());
    object.put("from_tokens", choice.fromTokens());
    object.put("to_tokens", choice.toTokens());
    object.put("variants", choice.variants());
    object.put("chosen", choice.chosen());
    object.put("us_per_layer", choice.micros());
    object.put("default_us_per_layer", choice.defaultMicros());
    return object;
  }
}
