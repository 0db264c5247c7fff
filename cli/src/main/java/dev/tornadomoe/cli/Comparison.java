package dev.tornadomoe.cli;

import dev.tornadomoe.plan.Precision;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One comparison of a layer's output with what it should be.
///
/// @param checkpoint the directory, as the user named it
/// @param part which of the checkpoint's stacks of MoE layers it is of, or null
/// @param layer the layer's index in the model
/// @param tokens M
/// @param backend what computed it
/// @param precision how activations entered the products
/// @param alias whether `fused_out` was the output
/// @param against what it is compared with
/// @param tolerance how far the output may be off
/// @param error how far the output is off
record Comparison(
    String checkpoint,
    @Nullable String part,
    int layer,
    int tokens,
    String backend,
    Precision precision,
    boolean alias,
    String against,
    Tolerance tolerance,
    Deviation error) {

  /// How far an output is off; NaN or infinite where a number is missing.
  ///
  /// @param most max |error| / rms(expected)
  /// @param rms rms(error) / rms(expected)
  record Deviation(double most, double rms) {
    /// Of an output that there is none of.
    static final Deviation NONE = new Deviation(Double.NaN, Double.NaN);

    /// The larger of two outputs' errors, a NaN before any.
    Deviation or(Deviation other) {
      return new Deviation(Math.max(most, other.most), Math.max(rms, other.rms));
    }

    /// Compares.
    static Deviation of(float[] expected, float[] found) {
      double squares = 0;
      double errors = 0;
      double most = 0;
      for (int i = 0; i < expected.length; i++) {
        squares += (double) expected[i] * expected[i];
        double difference = Math.abs((double) expected[i] - found[i]);
        errors += difference * difference;
        // Math.max keeps a NaN.
        most = Math.max(most, difference);
      }
      double rms = Math.sqrt(squares / Math.max(1, expected.length));
      return most == 0
          ? new Deviation(0, 0)
          : new Deviation(most / rms, Math.sqrt(errors / expected.length) / rms);
    }
  }

  /// Whether the error is within what it may be.
  boolean pass() {
    return tolerance.holds(error);
  }

  /// As the command prints it: the error that counts.
  String errorText() {
    return tolerance.text(error);
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("checkpoint", checkpoint);
    json.put("part", part);
    json.put("layer", layer);
    json.put("tokens", tokens);
    json.put("backend", backend);
    json.put("precision", precision.toString());
    json.put("alias", alias ? "on" : "off");
    json.put("against", against);
    json.put("max_error_over_rms", orNull(error.most));
    json.put("rms_error_over_rms", orNull(error.rms));
    json.put("pass", pass());
    return json;
  }

  /// JSON has no NaN.
  private static @Nullable Object orNull(double value) {
    return Double.isFinite(value) ? (Object) value : null;
  }
}
