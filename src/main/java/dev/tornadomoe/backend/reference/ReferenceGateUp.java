package dev.tornadomoe.backend.reference;

import dev.tornadomoe.layer.Activation;
import org.apache.commons.numbers.gamma.Erf;
import org.jspecify.annotations.Nullable;

/// An expert's first half, or a hidden layer of a router, for one row at a time.
///
/// @param gate `[I, H]`, or null for one that is not gated
/// @param up `[I, H]`
/// @param activation behind them
record ReferenceGateUp(@Nullable ReferenceLinear gate, ReferenceLinear up, Activation activation) {

  /// `activation(gate x) * up x`.
  double[] apply(double[] x) {
    double[] u = up.apply(x);
    double[] g = gate == null ? null : gate.apply(x);
    for (int i = 0; i < u.length; i++) {
      u[i] = activate(g == null ? u[i] : g[i], u[i], g != null);
    }
    return u;
  }

  private double activate(double g, double u, boolean gated) {
    double limit = activation.limit();
    double value =
        switch (activation.function()) {
          case SILU -> g * ReferenceMlp.sigmoid(g);
          case GELU -> 0.5 * g * (1 + Erf.value(g / Math.sqrt(2)));
          case GELU_TANH ->
              0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g * g * g)));
          case RELU -> Math.max(g, 0);
          case RELU_SQUARED -> Math.max(g, 0) * Math.max(g, 0);
          case SWIGLU_OAI -> {
            double clamped = Math.min(g, limit);
            yield clamped * ReferenceMlp.sigmoid(activation.alpha() * clamped);
          }
          case SWIGLU_CLAMPED -> Math.min(g, limit) * ReferenceMlp.sigmoid(Math.min(g, limit));
          case SWIGLU_STEP -> Math.min(g * ReferenceMlp.sigmoid(g), limit);
        };
    if (!gated) {
      return value;
    }
    return switch (activation.function()) {
      case SWIGLU_OAI -> value * (Math.clamp(u, -limit, limit) + 1);
      case SWIGLU_CLAMPED, SWIGLU_STEP -> value * Math.clamp(u, -limit, limit);
      case SILU, GELU, GELU_TANH, RELU, RELU_SQUARED -> value * u;
    };
  }
}
