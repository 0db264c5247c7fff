package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All weights of a layer, in the order in which backends load them.
public final class LayerWeights {
  private LayerWeights() {}

  /// Router with its MLP, latent projections, experts one after the other, shared expert and its
  /// gate.
  public static List<Weight> of(MoeLayer layer) {
    return of(layer, true);
  }

  /// The same, perhaps without the routed experts.
  public static List<Weight> of(MoeLayer layer, boolean experts) {
    List<Weight> weights = new ArrayList<>();
    Router router = layer.router();
    if (router != null) {
      weights.add(router.weight());
      if (router.mlp() != null) {
        weights.addAll(router.mlp().weights());
      }
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

  /// What every session reads anew when its steps are compiled: what belongs to the gating, and the
  /// weights of the layer's own norms.
  public static List<MemorySegment> ofSteps(MoeLayer layer) {
    Router router = layer.router();
    List<MemorySegment> memory = new ArrayList<>();
    if (router != null) {
      add(memory, router.correctionBias(), router.expertScale());
      RouterMlp mlp = router.mlp();
      if (mlp != null) {
        add(memory, mlp.statesScale());
        memory.add(mlp.norm().weights().data());
      }
      if (router.gating() instanceof TableGating table) {
        memory.add(table.table().data());
      }
    }
    for (OwnNorms.Place place : OwnNorms.Place.values()) {
      WeightedNorm norm = layer.norms().at(place);
      if (norm != null) {
        memory.add(norm.weights().data());
      }
    }
    return memory;
  }

  /// Checks that what is no weight matrix is there still: biases, and what sessions read anew.
  /// Weights say so themselves when they are loaded.
  ///
  /// @throws dev.tornadomoe.backend.BackendException if it is not
  public static void requireVectors(List<MoeLayer> layers) {
    List<MemorySegment> memory = new ArrayList<>();
    for (MoeLayer layer : layers) {
      memory.addAll(ofSteps(layer));
      if (layer.router() != null) {
        add(memory, layer.router().bias());
        if (layer.router().mlp() != null) {
          layer.router().mlp().linears().forEach(linear -> add(memory, linear.bias()));
        }
      }
      if (layer.latent() != null) {
        add(memory, layer.latent().inBias(), layer.latent().outBias());
      }
      layer.experts().local().forEach(expert -> addBiases(memory, expert));
      if (layer.shared() != null) {
        addBiases(memory, layer.shared().mlp());
      }
    }
    new WeightMemory(memory).requireAlive();
  }

  private static void addBiases(List<MemorySegment> memory, Mlp mlp) {
    add(memory, mlp.gateBias(), mlp.upBias(), mlp.downBias());
  }

  private static void add(List<MemorySegment> memory, @Nullable Bias... vectors) {
    for (Bias vector : vectors) {
      if (vector != null) {
        memory.add(vector.values().data());
      }
    }
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
