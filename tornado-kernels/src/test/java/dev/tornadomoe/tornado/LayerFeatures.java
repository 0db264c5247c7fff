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
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// What layers differ in, but for sizes and numbers: each is other kernels, or other branches of
/// them.
final class LayerFeatures {
  private LayerFeatures() {}

  private record RouterKind(
      boolean hasBias,
      boolean hasCorrection,
      boolean hasScale,
      boolean hasMlp,
      GatingKind gating) {}

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

  /// @param formats of gate, up and down
  private record ExpertsKind(
      MlpKind mlp, Activation.Function activation, List<WeightFormat> formats) {}

  private record InputKind(boolean isWeighted, boolean hasIdentityExperts, boolean hasLatent) {}

  /// Of some checkpoints, in order, those that have a feature that none before has.
  static List<Path> firsts(List<Path> directories) {
    Set<Object> known = new HashSet<>();
    List<Path> firsts = new ArrayList<>();
    for (Path directory : directories) {
      try (Checkpoint checkpoint = Checkpoint.open(directory)) {
        MoeModel model = MoeModel.of(checkpoint);
        List<Object> features =
            model.layerIndices().stream().map(model::layer).flatMap(LayerFeatures::of).toList();
        if (known.addAll(features)) {
          firsts.add(directory);
        }
      }
    }
    return firsts;
  }

  private static Stream<Object> of(MoeLayer layer) {
    Mlp expert = layer.experts().local().getFirst();
    return Stream.of(
        Optional.ofNullable(layer.router()).map(LayerFeatures::router),
        new ExpertsKind(mlp(expert), layer.experts().activation().function(), formats(expert)),
        Optional.ofNullable(layer.shared()).map(shared -> shared(layer, shared)),
        Arrays.stream(OwnNorms.Place.values())
            .filter(place -> layer.norms().at(place) != null)
            .toList(),
        new InputKind(
            layer.routerWeightOnInput(), layer.identityExperts() > 0, layer.latent() != null));
  }

  private static List<WeightFormat> formats(Mlp mlp) {
    return Stream.of(mlp.gate(), mlp.up(), mlp.down())
        .filter(Objects::nonNull)
        .map(Weight::format)
        .toList();
  }

  private static RouterKind router(Router router) {
    return new RouterKind(
        router.bias() != null,
        router.correctionBias() != null,
        router.expertScale() != null,
        router.mlp() != null,
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
