package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What a model's config says of its MoE layers, and the names by which its checkpoints may call
/// their tensors. Names are relative; where releases differ, all spellings are listed and the first
/// that is there counts.
///
/// Made with [#builder].
///
/// @param hidden H
/// @param intermediate I of the routed experts
/// @param experts E, experts with weights that the router chooses from
/// @param identityExperts how many more it chooses from, that return what they get
/// @param gating how experts are chosen
/// @param activations between an expert's projections
/// @param moeLayers indices of the MoE layers, ascending
/// @param layers all layers of the model, dense ones included
/// @param part which of the checkpoint's stacks of MoE layers it is
/// @param blocks what the MoE block is called inside a layer: `mlp`, `block_sparse_moe`
/// @param router what chooses the experts
/// @param norms inside the layers
/// @param storages how the experts may be stored
/// @param shared the shared expert, or null
/// @param averaged whether the result is the average of routed and shared experts
/// @param weighedShared shared experts that the router weighs, or null
/// @param latent Z of experts behind a projection from H and before one back to it, or 0
/// @param sumBias what a bias `[H]` on the weighted sum is called inside the block, or null
/// @param routerWeightOnInput whether the router's weight multiplies the expert's input
public record ModelLayout(
    int hidden,
    int intermediate,
    int experts,
    int identityExperts,
    Gating gating,
    LayerActivations activations,
    List<Integer> moeLayers,
    int layers,
    PartLayout part,
    List<String> blocks,
    RouterLayout router,
    NormsLayout norms,
    List<ExpertStorage> storages,
    @Nullable SharedLayout shared,
    boolean averaged,
    @Nullable WeighedShared weighedShared,
    @Nullable String sumBias,
    int latent,
    boolean routerWeightOnInput) {

  /// Starts from what nearly all families share: `mlp.gate` chooses, all of `num_hidden_layers`
  /// layers are MoE layers, experts are stored as `mlp.experts.N.gate_proj` and so on or fused, and
  /// `hidden_act` is the activation.
  ///
  /// @param config with `num_hidden_layers`
  /// @return a builder with those defaults
  /// @throws dev.tornadomoe.MoeException when the config lacks the number of layers
  public static Builder builder(ModelConfig config) {
    return new Builder(config, config.positive("num_hidden_layers"));
  }

  /// The same where the number of layers has another name.
  ///
  /// @param config whose `num_hidden_layers` is not read
  /// @param layers all layers of the model, dense ones included
  /// @return a builder with those defaults
  public static Builder builder(ModelConfig config, int layers) {
    return new Builder(config, layers);
  }

  /// {@return the activation of the routed experts in the first MoE layer; others may have another
  /// limit}
  public Activation activation() {
    return activations.experts().apply(moeLayers.isEmpty() ? 0 : moeLayers.getFirst());
  }

  /// H of the routed experts' rows.
  int expertHidden() {
    return latent == 0 ? hidden : latent;
  }

  /// Experts with weights, those that every token gets among them.
  int weighed() {
    return experts + (weighedShared == null ? 0 : weighedShared.count());
  }

  /// The number of experts that the router has rows for.
  int routed() {
    return weighed() + identityExperts;
  }

  /// Collects what differs between families.
  public static final class Builder {
    private final ModelConfig config;
    private final int layers;
    private IntPredicate isMoe = layer -> true;
    private PartLayout part = PartLayout.WHOLE;
    private List<String> blocks = List.of("mlp");
    private RouterLayout router = RouterLayout.GATE;
    private int identityExperts;
    private NormsLayout norms = NormsLayout.NONE;
    private List<ExpertStorage> storages =
        List.of(ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ);
    private @Nullable SharedLayout shared;
    private boolean averaged;
    private @Nullable WeighedShared weighedShared;
    private @Nullable String sumBias;
    private int latent;
    private @Nullable LayerActivations activations;
    private int hidden;
    private boolean routerWeightOnInput;

    private Builder(ModelConfig config, int layers) {
      this.config = config;
      this.layers = layers;
      SparseLayers.requireSane(layers);
    }

    /// Which layers are MoE layers; all of them by default.
    ///
    /// @param predicate of a layer's index, from 0
    /// @return this builder
    public Builder moeLayers(IntPredicate predicate) {
      isMoe = predicate;
      return this;
    }

    /// Which of the checkpoint's stacks of MoE layers it is, where there are several.
    ///
    /// @param layout where it is
    /// @return this builder
    public Builder part(PartLayout layout) {
      part = layout;
      return this;
    }

    /// What the MoE block is called inside a layer, `mlp` by default; empty where its parts are the
    /// layer's own.
    ///
    /// @param names spellings, of which the first that is there counts
    /// @return this builder
    public Builder blocks(String... names) {
      blocks = List.of(names);
      return this;
    }

    /// What the router is called inside the block, `gate` by default.
    ///
    /// @param names spellings, of which the first that is there counts
    /// @return this builder
    public Builder routers(String... names) {
      router = router.named(names);
      return this;
    }

    /// What the router's selection bias is called inside the block. It must be there then, as
    /// `[E]`.
    ///
    /// @param names spellings, of which the first that is there counts
    /// @return this builder
    public Builder correctionBias(String... names) {
      router = router.corrected(names);
      return this;
    }

    /// Whether that selection bias is a row of `[1, E]`, or `[routers, E]` (ERNIE).
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder correctionIsRow(boolean on) {
      router = router.correctedByRow(on);
      return this;
    }

    /// What a factor on all of the router's weights is called inside the block. It must be there
    /// then, with one element.
    ///
    /// @param name of the tensor
    /// @return this builder
    public Builder routerScale(String name) {
      router = router.scaledBy(name);
      return this;
    }

    /// Which layers have a table of token ids in the place of a selection; none by default.
    ///
    /// @param layout its name and the layers
    /// @return this builder
    public Builder table(TableLayout layout) {
      router = router.byTable(layout.layers().isEmpty() ? null : layout);
      return this;
    }

    /// Whether the weights of the chosen experts are multiplied by scales that are stored.
    ///
    /// @param name of the tensor `[E]` in the block, which must be there
    /// @return this builder
    public Builder expertScale(String name) {
      router = router.withExpertScale(name);
      return this;
    }

    /// Norms inside the layers; none by default.
    ///
    /// @param layout what they are called
    /// @return this builder
    public Builder norms(NormsLayout layout) {
      norms = layout;
      return this;
    }

    /// Whether the router has a bias, which must be there then.
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder routerBias(boolean on) {
      router = router.biased(on);
      return this;
    }

    /// What is before the router's logits, where that is more than a norm (ZAYA1).
    ///
    /// @param layout its names and sizes
    /// @return this builder
    public Builder routerMlp(RouterMlpLayout layout) {
      router = router.behind(layout);
      return this;
    }

    /// Whether the router's weight multiplies the expert's input (Llama 4).
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder routerWeightOnInput(boolean on) {
      routerWeightOnInput = on;
      return this;
    }

    /// How the experts may be stored; the first of which a tensor is there counts.
    ///
    /// @param storages in the order in which they are looked for
    /// @return this builder
    public Builder storages(ExpertStorage... storages) {
      this.storages = List.of(storages);
      return this;
    }

    /// A shared expert inside the block, as `gate_proj`, `up_proj` and `down_proj`; none when its
    /// size is 0.
    ///
    /// @param module `shared_experts`, say
    /// @param intermediate I of all shared experts together
    /// @param gate the linear layer whose sigmoid multiplies the result, or null
    /// @return this builder
    public Builder shared(String module, long intermediate, @Nullable String gate) {
      return shared(SharedLayout.inBlock(module, intermediate, gate));
    }

    /// A shared expert stored in another way; none when its size is 0.
    ///
    /// @param layout names and size
    /// @return this builder
    public Builder shared(SharedLayout layout) {
      shared = layout.intermediate() == 0 ? null : layout;
      return this;
    }

    /// Whether the layers' result is the average of routed and shared experts, where there are
    /// shared ones ([dev.tornadomoe.layer.MoeLayer#averaged]).
    ///
    /// @param on false unless set
    /// @return this builder
    public Builder averaged(boolean on) {
      averaged = on;
      return this;
    }

    /// Shared experts that the router weighs; none when their number is 0.
    ///
    /// @param weighed their number and names; the gating must choose them always
    /// @return this builder
    public Builder weighedShared(WeighedShared weighed) {
      weighedShared = weighed.count() == 0 ? null : weighed;
      return this;
    }

    /// What a bias on the weighted sum is called inside the block. It must be there then, as `[H]`.
    /// For routers whose weights sum to 1: each expert gets it.
    ///
    /// @param name of the tensor
    /// @return this builder
    public Builder sumBias(String name) {
      sumBias = name;
      return this;
    }

    /// The size of the routed experts' rows, where they stand between projections from H and back
    /// to it, `fc1_latent_proj` and `fc2_latent_proj` in the block (Nemotron 3).
    ///
    /// @param size Z, or 0 where they take the layer's rows
    /// @return this builder
    public Builder latent(int size) {
      latent = size;
      return this;
    }

    /// H, where the config has another name for it than `hidden_size`.
    ///
    /// @param size the width of a row
    /// @return this builder
    public Builder hidden(int size) {
      hidden = size;
      return this;
    }

    /// How many experts the router chooses from beyond those with weights; they come after them and
    /// return what they get (LongCat).
    ///
    /// @param count 0 or more
    /// @return this builder
    public Builder identityExperts(int count) {
      identityExperts = count;
      return this;
    }

    /// The same with experts that contribute nothing (ZAYA1): their weights count as 0.
    ///
    /// @param count 0 or more
    /// @return this builder
    public Builder skippingExperts(int count) {
      router = router.skipping(count > 0);
      return identityExperts(count);
    }

    /// The activation, where it is not what `hidden_act` says.
    ///
    /// @param function between the projections of routed and shared experts
    /// @return this builder
    public Builder activation(Activation function) {
      return activations(LayerActivations.same(function));
    }

    /// The activations, where they are not what `hidden_act` says, or differ.
    ///
    /// @param functions of routed and shared experts, layer by layer
    /// @return this builder
    public Builder activations(LayerActivations functions) {
      activations = functions;
      return this;
    }

    /// The layout.
    ///
    /// @param intermediate I of the routed experts
    /// @param experts E, experts with weights that the router chooses from
    /// @param gating how they are chosen
    /// @return what the config says of the MoE layers
    /// @throws dev.tornadomoe.MoeException when the config lacks `hidden_size`, or its activation
    ///   is not known
    public ModelLayout build(int intermediate, int experts, Gating gating) {
      return new ModelLayout(
          hidden > 0 ? hidden : config.positive("hidden_size"),
          intermediate,
          experts,
          identityExperts,
          gating,
          activations != null
              ? activations
              : LayerActivations.same(Activation.named(config.string("hidden_act").orElse("silu"))),
          IntStream.range(0, layers).filter(isMoe).boxed().toList(),
          layers,
          part,
          blocks,
          router,
          norms,
          part.routers() == 1 ? StackedReader.withMlx(storages) : storages,
          shared,
          averaged,
          weighedShared,
          sumBias,
          latent,
          routerWeightOnInput);
    }
  }
}
