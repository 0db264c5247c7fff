package dev.tornadomoe.tornado;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// What the layers of families differ in, but for sizes and numbers: each is other kernels, or
/// other branches of them.
record FamilyKind(
    Optional<RouterKind> router,
    MlpKind routed,
    Activation.Function activation,
    Optional<SharedKind> shared,
    boolean isWeightOnInput,
    boolean hasIdentityExperts,
    List<OwnNorms.Place> norms,
    boolean hasLatent) {

  private record RouterKind(
      boolean hasBias, boolean hasCorrection, boolean hasScale, GatingKind gating) {}

  private record GatingKind(
      Class<?> type,
      Optional<TopKGating.Scoring> scoring,
      boolean renormalises,
      Optional<TopKGating.GroupScore> groups,
      boolean zeroesGroups,
      boolean hasNorm,
      boolean hasAlways) {}

  private record MlpKind(boolean isGated, boolean hasBias) {}

  /// @param isMultiple of the routed experts' size, as which its weights then lie among them
  private record SharedKind(
      MlpKind mlp, boolean hasGate, Activation.Function activation, boolean isMultiple) {}

  /// Of some checkpoints, in order, those that have a layer of a kind that none before has.
  static List<Path> firsts(List<Path> directories) {
    Set<FamilyKind> known = new HashSet<>();
    List<Path> firsts = new ArrayList<>();
    for (Path directory : directories) {
      try (Checkpoint checkpoint = Checkpoint.open(directory)) {
        MoeModel model = MoeModel.of(checkpoint);
        List<FamilyKind> kinds =
            model.layerIndices().stream().map(model::layer).map(FamilyKind::of).toList();
        if (known.addAll(kinds)) {
          firsts.add(directory);
        }
      }
    }
    return firsts;
  }

  private static FamilyKind of(MoeLayer layer) {
    return new FamilyKind(
        Optional.ofNullable(layer.router()).map(FamilyKind::router),
        mlp(layer.experts().local().getFirst()),
        layer.experts().activation().function(),
        Optional.ofNullable(layer.shared()).map(shared -> shared(layer, shared)),
        layer.routerWeightOnInput(),
        layer.identityExperts() > 0,
        Arrays.stream(OwnNorms.Place.values())
            .filter(place -> layer.norms().at(place) != null)
            .toList(),
        layer.latent() != null);
  }

  private static RouterKind router(Router router) {
    return new RouterKind(
        router.bias() != null,
        router.correctionBias() != null,
        router.expertScale() != null,
        gating(router.gating()));
  }

  private static GatingKind gating(Gating gating) {
    TopKGating topK =
        switch (gating) {
          case TopKGating scores -> scores;
          case TableGating table -> table.scores();
          default -> null;
        };
    return topK == null
        ? new GatingKind(
            gating.getClass(), Optional.empty(), false, Optional.empty(), false, false, false)
        : new GatingKind(
            gating.getClass(),
            Optional.of(topK.scoring()),
            topK.renormalise(),
            Optional.ofNullable(topK.groups()).map(TopKGating.Groups::score),
            topK.groups() != null && topK.groups().zeroed(),
            topK.norm() != 1,
            topK.always() > 0);
  }

  private static SharedKind shared(MoeLayer layer, SharedExperts shared) {
    return new SharedKind(
        mlp(shared.mlp()),
        shared.gate() != null,
        shared.activation(layer.experts()).function(),
        shared.mlp().up().rows() % layer.intermediate() == 0);
  }

  private static MlpKind mlp(Mlp mlp) {
    return new MlpKind(mlp.gate() != null, mlp.downBias() != null);
  }
}
