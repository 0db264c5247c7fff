package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.backend.host.RouterChecks;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.kernel.RouterKernels;
import dev.tornadomoe.tornado.weights.MatrixPacking.Part;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Brings one layer's weights into arrays.
final class LayerLoader {
  private final MoeLayer layer;
  private final LayerStorage storage;
  private final MatrixPacking.Listener listener;
  private final SegmentAllocator arena;

  private LayerLoader(
      MoeLayer layer,
      LayerStorage storage,
      MatrixPacking.Listener listener,
      SegmentAllocator arena) {
    this.layer = layer;
    this.storage = storage;
    this.listener = listener;
    this.arena = arena;
  }

  /// @param listener hears of weights that are done
  /// @param arena of the matrices' host memory
  /// @throws dev.tornadomoe.MoeException for weights that can't be right
  static DeviceLayer load(
      MoeLayer layer,
      LayerStorage storage,
      MatrixPacking.Listener listener,
      SegmentAllocator arena) {
    return new LayerLoader(layer, storage, listener, arena).load();
  }

  private DeviceLayer load() {
    Router router = layer.router();
    Latent latent = layer.latent();
    SharedExperts shared = layer.shared();
    return new DeviceLayer(
        layer,
        router(),
        router == null ? 0 : router.experts(),
        router == null ? null : routerMlp(router.mlp()),
        shared == null || shared.gate() == null
            ? null
            : matrix(storage.sharedGate(), shared.gate(), null),
        constants(),
        table(),
        norms(),
        map(0, layer.experts().local().size()),
        parts(),
        storage.extra(),
        shared(),
        latent == null ? null : matrix(storage.latentIn(), latent.in(), latent.inBias()),
        latent == null ? null : matrix(storage.latentOut(), latent.out(), latent.outBias()));
  }

  private FloatArray constants() {
    Router router = layer.router();
    float[] all = router == null ? null : router.corrections();
    Bias scale = router == null ? null : router.expertScale();
    float[] correction = all == null ? new float[0] : all;
    float[] scales = scale == null ? new float[0] : scale.toFloats();
    FloatArray constants =
        DeviceArrays.floats(RouterKernels.CORRECTION + correction.length + scales.length, arena);
    Activation activation = layer.experts().activation();
    constants.set(RouterKernels.LIMIT, Math.min(activation.limit(), Float.MAX_VALUE));
    constants.set(RouterKernels.ALPHA, activation.alpha());
    constants.set(RouterKernels.SCALE, 1);
    TopKGating gating = router == null ? null : weighing(router.gating());
    if (gating != null) {
      constants.set(RouterKernels.SCALE, gating.scale());
      constants.set(RouterKernels.EPSILON, gating.epsilon());
      constants.set(RouterKernels.LEAST_SUM, gating.leastSum());
      constants.set(RouterKernels.NORM, gating.norm());
    }
    for (int e = 0; e < correction.length; e++) {
      constants.set(RouterKernels.CORRECTION + e, correction[e]);
    }
    for (int e = 0; e < scales.length; e++) {
      constants.set(RouterKernels.CORRECTION + correction.length + e, scales[e]);
    }
    return constants;
  }

  /// What weighs the chosen experts, or null where their weights are made in another way.
  private static @Nullable TopKGating weighing(Gating gating) {
    return switch (gating) {
      case TopKGating topK -> topK;
      case TableGating table -> table.scores();
      case SparseMixer mixer -> null;
      case CustomGating custom -> null;
    };
  }

  private Map<OwnNorms.Place, FloatArray> norms() {
    Map<OwnNorms.Place, FloatArray> norms = new EnumMap<>(OwnNorms.Place.class);
    for (OwnNorms.Place place : OwnNorms.Place.values()) {
      WeightedNorm norm = layer.norms().at(place);
      if (norm != null) {
        norms.put(place, vector(norm.factors()));
      }
    }
    return norms;
  }

  private FloatArray vector(float[] values) {
    FloatArray vector = DeviceArrays.floats(values.length, arena);
    for (int i = 0; i < values.length; i++) {
      vector.set(i, values[i]);
    }
    return vector;
  }

  private @Nullable IntArray table() {
    if (layer.router() == null || !(layer.router().gating() instanceof TableGating gating)) {
      return null;
    }
    int topK = gating.topK();
    IntArray table = DeviceArrays.ints(Math.multiplyExact(gating.vocabulary(), topK), arena);
    for (int token = 0; token < gating.vocabulary(); token++) {
      for (int slot = 0; slot < topK; slot++) {
        table.set(token * topK + slot, (int) gating.expert(token, slot));
      }
    }
    return table;
  }

  private @Nullable DeviceMatrix router() {
    Storage kept = storage.router();
    if (kept == null) {
      return null;
    }
    // Router and shared gate become one matrix, if they get the same: the rows of each go where the
    // other's end.
    List<Part> rows = new ArrayList<>();
    Router router = layer.router();
    if (router != null) {
      RouterChecks.requireNumbers(layer);
      rows.add(Part.whole(router.weight(), router.bias()));
    }
    SharedExperts shared = layer.shared();
    if (shared != null && shared.gate() != null && storage.sharedGate() == null) {
      rows.add(Part.whole(shared.gate(), null));
    }
    return MatrixPacking.stack(kept, rows, listener, arena);
  }

  private @Nullable DeviceRouterMlp routerMlp(@Nullable RouterMlp mlp) {
    if (mlp == null) {
      return null;
    }
    List<DeviceMatrix> matrices = new ArrayList<>();
    for (RouterMlp.Linear linear : mlp.linears()) {
      matrices.add(dense(storage.routerMlp().get(matrices.size()), linear.weight(), linear.bias()));
    }
    Bias scale = mlp.statesScale();
    return new DeviceRouterMlp(
        matrices.getFirst(),
        scale == null ? null : vector(scale.toFloats()),
        vector(mlp.norm().factors()),
        List.copyOf(matrices.subList(1, matrices.size())));
  }

  private @Nullable DeviceMatrix matrix(
      @Nullable Storage kept, Weight weight, @Nullable Bias bias) {
    return kept == null ? null : dense(kept, weight, bias);
  }

  private DeviceMatrix dense(Storage kept, Weight weight, @Nullable Bias bias) {
    return MatrixPacking.stack(kept, List.of(Part.whole(weight, bias)), listener, arena);
  }

  private List<DeviceExperts> parts() {
    List<Mlp> experts = layer.experts().local();
    List<DeviceExperts> parts = new ArrayList<>();
    for (int first = 0; first < experts.size(); first += storage.expertsPerPart()) {
      int end = Math.min(first + storage.expertsPerPart(), experts.size());
      int extra = end == experts.size() ? storage.extra() : 0;
      List<Part> gateUp = gateUp(experts.subList(first, end));
      List<Part> down = down(experts.subList(first, end));
      SharedExperts shared = layer.shared();
      for (int i = 0; i < extra && shared != null; i++) {
        int cut = i * layer.intermediate();
        gateUp(List.of(shared.mlp())).forEach(part -> gateUp.add(part.from(cut, 0)));
        down(List.of(shared.mlp())).forEach(part -> down.add(part.from(0, cut)));
      }
      parts.add(
          new DeviceExperts(
              map(first, end),
              MatrixPacking.pack(storage.gateUp(), gateUp, listener, arena),
              MatrixPacking.pack(storage.down(), down, listener, arena),
              end - first,
              extra));
    }
    return List.copyOf(parts);
  }

  private @Nullable DeviceExperts shared() {
    SharedExperts shared = layer.shared();
    Storage gateUp = storage.sharedGateUp();
    Storage down = storage.sharedDown();
    return shared == null || gateUp == null || down == null
        ? null
        : new DeviceExperts(
            DeviceArrays.ints(1, arena),
            MatrixPacking.pack(gateUp, gateUp(List.of(shared.mlp())), listener, arena),
            MatrixPacking.pack(down, down(List.of(shared.mlp())), listener, arena),
            0,
            1);
  }

  /// From the router's experts to places among local experts `first` to `end`.
  private IntArray map(int first, int end) {
    IntArray map = DeviceArrays.ints(layer.globalExperts(), arena);
    for (int e = 0; e < layer.globalExperts(); e++) {
      int local = layer.experts().map().localOf(e);
      map.set(e, local >= first && local < end ? local - first : -1);
    }
    return map;
  }

  private static List<Part> gateUp(List<Mlp> experts) {
    List<Part> parts = new ArrayList<>();
    for (Mlp mlp : experts) {
      Weight gate = mlp.gate();
      parts.add(
          gate == null ? Part.whole(mlp.up(), mlp.upBias()) : Part.whole(gate, mlp.gateBias()));
      parts.add(Part.whole(mlp.up(), mlp.upBias()));
    }
    return parts;
  }

  private static List<Part> down(List<Mlp> experts) {
    List<Part> parts = new ArrayList<>();
    experts.forEach(mlp -> parts.add(Part.whole(mlp.down(), mlp.downBias())));
    return parts;
  }
}
