package dev.tornadomoe.backend.reference;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.util.function.Function;
import org.apache.commons.numbers.gamma.Erf;
import org.jspecify.annotations.Nullable;

/// One expert's two halves, for one row at a time.
///
/// @param gate `[I, H]`, or null for an expert that is not gated
/// @param up `[I, H]`
/// @param down `[H, I]`
/// @param activation between them
record ReferenceMlp(
    @Nullable ReferenceLinear gate,
    ReferenceLinear up,
    ReferenceLinear down,
    Activation activation) {

  static ReferenceMlp load(Mlp mlp, Activation activation, Function<Weight, WeightMatrix> loader) {
    return new ReferenceMlp(
        mlp.gate() == null ? null : new ReferenceLinear(loader.apply(mlp.gate()), mlp.gateBias()),
        new ReferenceLinear(loader.apply(mlp.up()), mlp.upBias()),
        new ReferenceLinear(loader.apply(mlp.down()), mlp.downBias()),
        activation);
  }

  /// `activation(gate x) * up x`.
  double[] gateUp(double[] x) {
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
          case SILU -> g * sigmoid(g);
          case GELU -> 0.5 * g * (1 + Erf.value(g / Math.sqrt(2)));
          case GELU_TANH ->
              0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g * g * g)));
          case RELU -> Math.max(g, 0);
          case RELU_SQUARED -> Math.max(g, 0) * Math.max(g, 0);
          case SWIGLU_OAI -> {
            double clamped = Math.min(g, limit);
            yield clamped * sigmoid(activation.alpha() * clamped);
          }
          case SWIGLU_CLAMPED -> Math.min(g, limit) * sigmoid(Math.min(g, limit));
          case SWIGLU_STEP -> Math.min(g * sigmoid(g), limit);
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

  static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
