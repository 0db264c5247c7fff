package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import java.util.List;

/// Plans as if the catalogue had chosen and rejected otherwise than it does.
public final class ChosenExperts {
  private ChosenExperts() {}

  /// @param experts by name, for each layer
  /// @param rejected for every layer, each with its reason
  public static MoePlan plan(List<MoeLayer> layers, List<String> experts, List<String> rejected) {
    return Planner.plan(
        layers,
        experts.stream().map(ExpertsCatalog::named).toList(),
        layers.stream().map(layer -> rejected).toList(),
        Planner.builder().build().plan(layers).options());
  }
}
