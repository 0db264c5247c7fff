package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import org.jspecify.annotations.Nullable;

/// Reads a layer's shared expert.
///
/// @param layer what stands before the names of the layer's parts, ending in a dot
/// @param block the same of the block's parts
record SharedReader(Checkpoint checkpoint, ModelLayout layout, String layer, String block) {
  private static final ExpertStorage.PerExpert LINEAR_GATE =
      new ExpertStorage.PerExpert("linear_gate", "up_proj", "down_proj");

  /// The shared expert, or null when the model has none.
  ///
  /// @param index of the layer
  @Nullable SharedExperts read(int index) {
    SharedLayout shared = layout.shared();
    if (shared == null) {
      return null;
    }
    String module = prefix(shared) + shared.module() + ".";
    MlpReader reader = new MlpReader(checkpoint, layout.hidden());
    Mlp mlp =
        switch (shared.storage()) {
          case GATE_UP_DOWN -> reader.read(module, gated(module), shared.intermediate());
          case W123 -> reader.read(module, ExpertStorage.PerExpert.W123, shared.intermediate());
          case UP_DOWN ->
              reader.read(module, ExpertStorage.PerExpert.UNGATED, shared.intermediate());
          case INPUT_OUTPUT -> inputOutput(module, shared.intermediate());
        };
    return new SharedExperts(mlp, gate(shared), layout.activations().shared().apply(index));
  }

  private ExpertStorage.PerExpert gated(String module) {
    return checkpoint.findLinear(module + LINEAR_GATE.first()).isPresent()
        ? LINEAR_GATE
        : ExpertStorage.PerExpert.PROJ;
  }

  private @Nullable Weight gate(SharedLayout shared) {
    return shared.gate() == null
        ? null
        : checkpoint.linear(block + shared.gate(), 1, layout.hidden());
  }

  /// What stands before the module's name.
  private String prefix(SharedLayout shared) {
    return switch (shared.place()) {
      case IN_BLOCK -> block;
      case IN_LAYER -> layer;
    };
  }

  /// The two halves of a matrix are rows of it, which only an unquantised one can be cut into.
  private Mlp inputOutput(String module, int size) {
    TensorView gateUp =
        checkpoint.require(module + "input_linear.weight", 2L * size, layout.hidden());
    return Mlp.gated(
        Weight.dense(gateUp.rows(0, size)),
        Weight.dense(gateUp.rows(size, 2L * size)),
        checkpoint.linear(module + "output_linear", layout.hidden(), size));
  }
}
