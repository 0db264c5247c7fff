package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Mlp;
import org.jspecify.annotations.Nullable;

/// Reads one expert that is stored as a linear layer for each projection, in any quantisation.
///
/// @param hidden H
record MlpReader(Checkpoint checkpoint, int hidden) {

  /// @param prefix what stands before the projections' names
  /// @param intermediate its I
  Mlp read(String prefix, ExpertStorage.PerExpert names, int intermediate) {
    String gate = names.gate() == null ? null : prefix + names.gate();
    return new Mlp(
        gate == null ? null : checkpoint.linear(gate, intermediate, hidden),
        checkpoint.linear(prefix + names.up(), intermediate, hidden),
        checkpoint.linear(prefix + names.down(), hidden, intermediate),
        gate == null ? null : bias(gate, intermediate),
        bias(prefix + names.up(), intermediate),
        bias(prefix + names.down(), hidden));
  }

  /// Old GPTQ files have biases (of zeros, mostly) where the model has none.
  private @Nullable Bias bias(String module, int size) {
    return bias(checkpoint, module, size);
  }

  /// A linear layer's bias, where it has one.
  static @Nullable Bias bias(Checkpoint checkpoint, String module, int size) {
    String name = module + ".bias";
    return checkpoint.tensorNames().contains(name) ? Bias.of(checkpoint.require(name, size)) : null;
  }
}
