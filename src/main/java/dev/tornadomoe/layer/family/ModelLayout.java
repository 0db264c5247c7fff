package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.LayerException;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What a model's config says of its MoE layers, and the names by which its checkpoints may call
/// their tensors. Names are relative; where releases differ, all spellings are listed and the first
/// that is there counts.
///
/// @param hidden H
/// @param intermediate I of the routed experts
/// @param experts E
/// @param gating how experts are chosen
/// @param activation between an expert's projections
/// @param moeLayers indices of the MoE layers, ascending
/// @param layers all layers of the model, dense ones included
/// @param blocks what the MoE block is called inside a layer: `mlp`, `block_sparse_moe`
/// @param routers what the router is called inside the block: `gate`, `router`
/// @param correctionBias the router's selection bias inside the block, or null
/// @param storages how the experts may be stored
/// @param shared the shared expert, or null
/// @param routerBias whether the router has a bias
/// @param routerWeightOnInput whether the router's weight multiplies the expert's input
record ModelLayout(
    int hidden,
    int intermediate,
    int experts,
    Gating gating,
    Activation activation,
    List<Integer> moeLayers,
    int layers,
    List<String> blocks,
    List<String> routers,
    @Nullable String correctionBias,
    List<ExpertStorage> storages,
    @Nullable SharedLayout shared,
    boolean routerBias,
    boolean routerWeightOnInput) {

  /// The shared expert: `gate_proj`, `up_proj` and `down_proj` inside a module of the block.
  ///
  /// @param module its name: `shared_experts`, `shared_expert`
  /// @param intermediate its I
  /// @param gate the linear layer in the block whose sigmoid multiplies the result, or null
  record SharedLayout(String module, int intermediate, @Nullable String gate) {}

  /// Starts from what nearly all families share.
  static Builder builder(ModelConfig config) {
    return new Builder(config);
  }

  /// Collects what differs between families.
  static final class Builder {
    /// Far more than any model has; beyond it listing the layers would eat the memory.
    private static final int MOST_LAYERS = 100_000;

    private final ModelConfig config;
    private final int layers;
    private IntPredicate isMoe = layer -> true;
    private List<String> blocks = List.of("mlp");
    private List<String> routers = List.of("gate");
    private @Nullable String correctionBias;
    private List<ExpertStorage> storages =
        List.of(ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ);
    private @Nullable SharedLayout shared;
    private @Nullable Activation activation;
    private boolean routerBias;
    private boolean routerWeightOnInput;

    private Builder(ModelConfig config) {
      this.config = config;
      this.layers = config.positive("num_hidden_layers");
      if (layers > MOST_LAYERS) {
        throw new LayerException(
            "\"num_hidden_layers\" is %d, expected at most %d".formatted(layers, MOST_LAYERS));
      }
    }

    /// Which layers are MoE layers; all of them by default.
    Builder moeLayers(IntPredicate predicate) {
      isMoe = predicate;
      return this;
    }

    Builder blocks(String... names) {
      blocks = List.of(names);
      return this;
    }

    Builder routers(String... names) {
      routers = List.of(names);
      return this;
    }

    Builder correctionBias(String name) {
      correctionBias = name;
      return this;
    }

    Builder routerBias() {
      routerBias = true;
      return this;
    }

    Builder routerWeightOnInput() {
      routerWeightOnInput = true;
      return this;
    }

    Builder storages(ExpertStorage... storages) {
      this.storages = List.of(storages);
      return this;
    }

    /// A shared expert; none when its size is 0.
    Builder shared(String module, long intermediate, @Nullable String gate) {
      if (intermediate > Integer.MAX_VALUE) {
        throw new LayerException(
            "the shared experts' size is %d, expected at most 2^31 - 1".formatted(intermediate));
      }
      shared = intermediate == 0 ? null : new SharedLayout(module, (int) intermediate, gate);
      return this;
    }

    /// The activation, where it is not what `hidden_act` says.
    Builder activation(Activation function) {
      activation = function;
      return this;
    }

    ModelLayout build(int intermediate, int experts, Gating gating) {
      return new ModelLayout(
          config.positive("hidden_size"),
          intermediate,
          experts,
          gating,
          activation != null
              ? activation
              : Activation.named(config.string("hidden_act").orElse("silu")),
          IntStream.range(0, layers).filter(isMoe).boxed().toList(),
          layers,
          blocks,
          routers,
          correctionBias,
          storages,
          shared,
          routerBias,
          routerWeightOnInput);
    }
  }
}
