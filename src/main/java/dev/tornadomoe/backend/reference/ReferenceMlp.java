package dev.tornadomoe.backend.reference;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.util.function.Function;

/// One expert's two halves, for one row at a time.
///
/// @param first to I elements
/// @param down `[H, I]`
record ReferenceMlp(ReferenceGateUp first, ReferenceLinear down) {

  static ReferenceMlp load(Mlp mlp, Activation activation, Function<Weight, WeightMatrix> loader) {
    ReferenceGateUp first =
        new ReferenceGateUp(
            mlp.gate() == null
                ? null
                : new ReferenceLinear(loader.apply(mlp.gate()), mlp.gateBias()),
            new ReferenceLinear(loader.apply(mlp.up()), mlp.upBias()),
            activation);
    return new ReferenceMlp(first, new ReferenceLinear(loader.apply(mlp.down()), mlp.downBias()));
  }

  /// `activation(gate x) * up x`.
  double[] gateUp(double[] x) {
    return first.apply(x);
  }

  static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
