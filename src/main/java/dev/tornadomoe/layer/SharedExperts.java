package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The expert that every token goes through; several of them are one with a larger I.
///
/// @param mlp its projections
/// @param gate `[1, H]`: the result is multiplied by sigmoid(gate x) (Qwen2-MoE), or null
public record SharedExperts(Mlp mlp, @Nullable Weight gate) {

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
}
