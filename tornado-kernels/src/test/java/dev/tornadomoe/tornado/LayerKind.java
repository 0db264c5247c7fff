package dev.tornadomoe.tornado;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What decides which kernels a layer is compiled to, but for the values of its weights.
record LayerKind(
    int experts,
    Optional<RouterKind> router,
    MlpKind routed,
    Activation activation,
    Optional<SharedKind> shared,
    boolean isWeightOnInput,
    int identityExperts) {

  private record RouterKind(
      WeightFormat format,
      boolean hasBias,
      boolean hasCorrection,
      Gating gating,
      Optional<Boolean> mlpGoesOn) {}

  private record MlpKind(List<Matrix> matrices, boolean hasBias) {}

  private record Matrix(Shape shape, WeightFormat format) {}

  private record SharedKind(MlpKind mlp, boolean hasGate) {}

  /// The first layer of each kind.
  static Collection<MoeLayer> firsts(List<MoeLayer> layers) {
    Map<LayerKind, MoeLayer> firsts = new LinkedHashMap<>();
    layers.forEach(layer -> firsts.putIfAbsent(of(layer), layer));
    return firsts.values();
  }

  private static LayerKind of(MoeLayer layer) {
    return new LayerKind(
        layer.globalExperts(),
        Optional.ofNullable(layer.router()).map(LayerKind::router),
        mlp(layer.experts().local().getFirst()),
        layer.experts().activation(),
        Optional.ofNullable(layer.shared()).map(LayerKind::shared),
        layer.routerWeightOnInput(),
        layer.identityExperts());
  }

  private static RouterKind router(Router router) {
    return new RouterKind(
        router.weight().format(),
        router.bias() != null,
        router.correctionBias() != null,
        router.gating(),
        Optional.ofNullable(router.mlp()).map(RouterMlp::goesOn));
  }

  private static SharedKind shared(SharedExperts shared) {
    return new SharedKind(mlp(shared.mlp()), shared.gate() != null);
  }

  private static MlpKind mlp(Mlp mlp) {
    Weight gate = mlp.gate();
    List<Weight> weights =
        gate == null ? List.of(mlp.up(), mlp.down()) : List.of(gate, mlp.up(), mlp.down());
    return new MlpKind(
        weights.stream()
            .map(weight -> new Matrix(Shape.of(weight.rows(), weight.columns()), weight.format()))
            .toList(),
        mlp.downBias() != null);
  }
}
