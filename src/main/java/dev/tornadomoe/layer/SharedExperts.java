package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The expert that every token goes through; several of them are one with a larger I.
///
/// @param mlp its projections
/// @param gate `[1, H]`: the result is multiplied by sigmoid(gate x) (Qwen2-MoE), or null
/// @param ownActivation between its projections, or null where it is the routed experts'
public record SharedExperts(Mlp mlp, @Nullable Weight gate, @Nullable Activation ownActivation) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the gate does not fit
  public SharedExperts {
    if (gate != null && (gate.rows() != 1 || gate.columns() != mlp.hidden())) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "shared expert gate \"%s\" is [%d, %d], expected [1, %d]",
              gate.name(),
              gate.rows(),
              gate.columns(),
              mlp.hidden()));
    }
  }

  /// With the routed experts' activation.
  ///
  /// @param mlp its projections
  /// @param gate `[1, H]`: the result is multiplied by sigmoid(gate x), or null
  /// @throws LayerException when the gate does not fit
  public SharedExperts(Mlp mlp, @Nullable Weight gate) {
    this(mlp, gate, null);
  }

  /// {@return whether half of it counts ([MoeLayer#averaged]); its gate is zeros then, whose
  /// sigmoid is a half}
  public boolean isHalf() {
    return gate instanceof HalfGate;
  }

  /// This shared expert with half of its result.
  ///
  /// @throws LayerException where it has a gate already
  SharedExperts halved() {
    if (gate != null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "half of a shared expert can't be taken where it has a gate (\"%s\")",
              gate.name()));
    }
    return new SharedExperts(mlp, HalfGate.of(mlp), ownActivation);
  }

  /// What stands between its projections.
  ///
  /// @param experts the routed experts beside it
  /// @return its own activation, or else theirs
  public Activation activation(ExpertWeights experts) {
    return ownActivation == null ? experts.activation() : ownActivation;
  }
}
