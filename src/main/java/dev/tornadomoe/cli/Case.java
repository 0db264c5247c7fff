package dev.tornadomoe.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/// One comparison of a layer's output with what it should be.
///
/// @param checkpoint the directory, as the user named it
/// @param layer the layer's index in the model
/// @param tokens M
/// @param backend what computed it
/// @param alias whether `fused_out` was the output
/// @param against what it is compared with
/// @param error max |error| / rms(expected)
/// @param pass whether that is within the tolerance
record Case(
    String checkpoint,
    int layer,
    int tokens,
    String backend,
    boolean alias,
    String against,
    double error,
    boolean pass) {

  /// For F32 activations.
  static final double TOLERANCE = 2e-5;

  /// Compares.
  ///
  /// @return max |error| / rms(expected); NaN or infinite where a number is missing
  static double error(float[] expected, float[] found) {
    double squares = 0;
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      squares += (double) expected[i] * expected[i];
      double difference = Math.abs((double) expected[i] - found[i]);
      // Math.max keeps a NaN.
      most = Math.max(most, difference);
    }
    double rms = Math.sqrt(squares / Math.max(1, expected.length));
    return most == 0 ? 0 : most / rms;
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("checkpoint", checkpoint);
    json.put("layer", layer);
    json.put("tokens", tokens);
    json.put("backend", backend);
    json.put("alias", alias ? "on" : "off");
    json.put("against", against);
    // JSON has no NaN.
    json.put("max_error_over_rms", Double.isFinite(error) ? (Object) error : null);
    json.put("pass", pass);
    return json;
  }
}
