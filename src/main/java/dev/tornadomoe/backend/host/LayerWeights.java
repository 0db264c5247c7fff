package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// All weights of a layer, in the order in which backends load them.
public final class LayerWeights {
  private LayerWeights() {}

  /// Router, latent projections, experts one after the other, shared expert and its gate.
  public static List<Weight> of(MoeLayer layer) {
    return of(layer, true);
  }

  /// The same, perhaps without the routed experts.
  public static List<Weight> of(MoeLayer layer, boolean experts) {
    List<Weight> weights = new ArrayList<>();
    Router router = layer.router();
    if (router != null) {
      weights.add(router.weight());
    }
    Latent latent = layer.latent();
    if (latent != null) {
      weights.add(latent.in());
      weights.add(latent.out());
    }
    if (experts) {
      layer.experts().local().forEach(expert -> addTo(weights, expert));
    }
    SharedExperts shared = layer.shared();
    if (shared != null) {
      addTo(weights, shared.mlp());
      if (shared.gate() != null) {
        weights.add(shared.gate());
      }
    }
    return weights;
  }

  /// What making the layer's gating reads, which every session does anew.
  public static List<MemorySegment> ofGating(MoeLayer layer) {
    Router router = layer.router();
    Bias correction = router == null ? null : router.correctionBias();
    return correction == null ? List.of() : List.of(correction.values().data());
  }

  private static void addTo(List<Weight> weights, Mlp mlp) {
    if (mlp.gate() != null) {
      weights.add(mlp.gate());
    }
    weights.add(mlp.up());
    weights.add(mlp.down());
  }

  /// What [Weight#load] will allocate for all of them.
  public static long bytesToLoad(MoeLayer layer) {
    return of(layer).stream().mapToLong(Weight::bytesToLoad).sum();
  }
}
