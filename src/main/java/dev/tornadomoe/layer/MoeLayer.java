package dev.tornadomoe.layer;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// One MoE layer: what it computes and the weights it computes with. Making one reads shapes, not
/// weights.
///
/// `output[t] = sum over the k experts e of token t of weight(t, e) * expert(e, x[t]) +
/// shared(x[t])`
///
/// The last `identityExperts` experts of the router have no weights: they return their input
/// (LongCat-Flash's zero-computation experts), so a token that chooses one gets `weight * x` from
/// it.
///
/// With a [Latent] the experts get rows of its size, and their sum goes through its second
/// projection before the shared expert's result is added.
///
/// With `routerWeightOnInput` the expert gets `weight * x` and its result is not weighted again
/// (Llama 4).
///
/// @param index its index in the model, for messages
/// @param topK k, experts per token
/// @param router how experts are chosen, or null when the caller gives ids and weights
/// @param experts the routed experts
/// @param shared what every token goes through, or null
/// @param routerWeightOnInput whether the router's weight multiplies the expert's input
/// @param identityExperts how many of the router's experts, its last, return their input
/// @param latent what stands around routed experts with rows of another size, or null
/// @param norms inside the layer
public record MoeLayer(
    int index,
    int topK,
    @Nullable Router router,
    ExpertWeights experts,
    @Nullable SharedExperts shared,
    boolean routerWeightOnInput,
    int identityExperts,
    @Nullable Latent latent,
    OwnNorms norms) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the parts do not fit
  public MoeLayer {
    int hidden = latent == null ? experts.hidden() : latent.hidden();
    int count = experts.map().globalExperts();
    if (topK < 1 || topK > count) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: top-k is %d, expected 1 to %d (the number of experts)",
              index,
              topK,
              count));
    }
    if (router != null) {
      if (router.topK() != topK) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "layer %d: top-k is %d, but the router chooses %d",
                index,
                topK,
                router.topK()));
      }
      if (router.experts() != count || router.hidden() != hidden) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "layer %d: router \"%s\" is [%d, %d], the experts need [%d, %d]",
                index,
                router.weight().name(),
                router.experts(),
                router.hidden(),
                count,
                hidden));
      }
    }
    if (shared != null) {
      requireShared(index, shared, experts, hidden);
    }
    if (routerWeightOnInput && topK != 1) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: the router weight can go on the input for top-k 1 only, found top-k %d",
              index,
              topK));
    }
    requireIdentities(index, experts.map(), identityExperts, routerWeightOnInput);
    norms.requireSize(index, hidden);
    if (latent != null) {
      requireLatent(index, latent, experts, routerWeightOnInput || identityExperts > 0);
    }
  }

  private static void requireShared(
      int index, SharedExperts shared, ExpertWeights experts, int hidden) {
    if (shared.mlp().hidden() != hidden) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: the shared expert's hidden size is %d, the experts' %d",
              index,
              shared.mlp().hidden(),
              hidden));
    }
    Activation activation = shared.activation(experts);
    if (activation.needsGate() && !shared.mlp().isGated()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: activation %s needs a gated shared expert",
              index,
              activation.function()));
    }
  }

  private static void requireLatent(
      int index, Latent latent, ExpertWeights experts, boolean needsRows) {
    if (latent.size() != experts.hidden()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: the latent projection \"%s\" gives rows of %d, the experts take %d",
              index,
              latent.in().name(),
              latent.size(),
              experts.hidden()));
    }
    if (needsRows) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: experts behind a latent projection don't go with experts that return their"
                  + " input, nor with the router weight on the input",
              index));
    }
  }

  private static void requireIdentities(
      int index, ExpertMap map, int identities, boolean routerWeightOnInput) {
    if (identities < 0 || identities > map.globalExperts()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: %d of %d experts can't be identities",
              index,
              identities,
              map.globalExperts()));
    }
    for (int e = map.globalExperts() - identities; e < map.globalExperts(); e++) {
      if (map.localOf(e) >= 0) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "layer %d: expert %d has weights, but it is one of %d that return their input",
                index,
                e,
                identities));
      }
    }
    if (identities > 0 && routerWeightOnInput) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: experts that return their input don't go with the router weight on the"
                  + " input",
              index));
    }
  }

  /// A layer whose experts take its own rows, without norms of its own.
  ///
  /// @param index from 0, all of the model's layers counted; for messages
  /// @param topK k, experts per token
  /// @param router how experts are chosen, or null when the caller gives ids and weights
  /// @param experts the routed experts
  /// @param shared what every token goes through, or null
  /// @param routerWeightOnInput whether the router's weight multiplies the expert's input
  /// @param identityExperts how many of the router's experts, its last, return their input
  /// @throws LayerException when the parts do not fit
  public MoeLayer(
      int index,
      int topK,
      @Nullable Router router,
      ExpertWeights experts,
      @Nullable SharedExperts shared,
      boolean routerWeightOnInput,
      int identityExperts) {
    this(
        index,
        topK,
        router,
        experts,
        shared,
        routerWeightOnInput,
        identityExperts,
        null,
        OwnNorms.NONE);
  }

  /// A layer all of whose experts have weights.
  ///
  /// @param index from 0, all of the model's layers counted; for messages
  /// @param topK k, experts per token
  /// @param router how experts are chosen, or null when the caller gives ids and weights
  /// @param experts the routed experts
  /// @param shared what every token goes through, or null
  /// @param routerWeightOnInput whether the router's weight multiplies the expert's input
  /// @throws LayerException when the parts do not fit
  public MoeLayer(
      int index,
      int topK,
      @Nullable Router router,
      ExpertWeights experts,
      @Nullable SharedExperts shared,
      boolean routerWeightOnInput) {
    this(index, topK, router, experts, shared, routerWeightOnInput, 0);
  }

  /// A layer that is given to the planner with a router.
  ///
  /// @param index from 0, all of the model's layers counted; for messages
  /// @param router whose top-k is the layer's
  /// @param experts the routed experts
  /// @param shared what every token goes through, or null
  /// @return a layer that weights results, not inputs
  /// @throws LayerException when the parts do not fit
  public static MoeLayer of(
      int index, Router router, ExpertWeights experts, @Nullable SharedExperts shared) {
    return new MoeLayer(index, router.topK(), router, experts, shared, false);
  }

  /// {@return this layer with only some of its experts here}
  ///
  /// @param map which experts to keep, of all E
  /// @throws LayerException for a layer with experts that return their input: whoever has the
  ///   others would add that again
  public MoeLayer withExpertMap(ExpertMap map) {
    if (identityExperts > 0) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: experts can't be divided where %d of them return their input",
              index,
              identityExperts));
    }
    return dividedBy(map);
  }

  /// This rank's part of a layer whose experts are divided among several, for ends that bring all
  /// results together: shared experts and those that return their input count once for each token,
  /// where the token is. Shared experts that the router weighs ([TopKGating#always], Inkling's) are
  /// among those that are divided.
  ///
  /// @param map which experts to keep, of all E
  /// @return a layer whose sum over all ranks is this one's
  /// @throws LayerException for experts that are not here now
  public MoeLayer dividedBy(ExpertMap map) {
    return new MoeLayer(
        index,
        topK,
        router,
        experts.restrictedTo(map),
        shared,
        routerWeightOnInput,
        identityExperts,
        latent,
        norms);
  }

  /// {@return this layer with norms of its own}
  ///
  /// @param own norms of rows of its size
  /// @throws LayerException for others
  public MoeLayer withNorms(OwnNorms own) {
    return new MoeLayer(
        index, topK, router, experts, shared, routerWeightOnInput, identityExperts, latent, own);
  }

  /// This layer with the average of routed and shared experts as its result (Command A+): the
  /// router's weights and the shared expert are halved. One without shared experts stays as it is.
  /// Weights that the caller gives are final, so the caller halves them.
  ///
  /// @return a layer of halves
  /// @throws LayerException where half of the router's weights is not half of the experts' result,
  ///   or half of the shared expert can't be taken
  public MoeLayer averaged() {
    if (shared == null) {
      return this;
    }
    if (routerWeightOnInput || (latent != null && latent.outBias() != null)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "layer %d: an average doesn't go with the router weight on the input, nor with a bias"
                  + " behind a latent projection",
              index));
    }
    return new MoeLayer(
        index,
        topK,
        router == null ? null : router.halved(),
        experts,
        shared.halved(),
        false,
        identityExperts,
        latent,
        norms);
  }

  /// {@return all experts that have weights, wherever they are}
  public ExpertMap expertsAnywhere() {
    int[] numbers = new int[globalExperts()];
    Arrays.setAll(numbers, e -> e < numbers.length - identityExperts ? e : -1);
    return ExpertMap.of(numbers);
  }

  /// {@return H, the width of a row}
  public int hidden() {
    return latent == null ? experts.hidden() : latent.hidden();
  }

  /// {@return R, the width of the states that its router hands on to the next layer's; 0 where it
  /// has none ([RouterMlp])}
  public int routerStates() {
    RouterMlp mlp = router == null ? null : router.mlp();
    return mlp == null ? 0 : mlp.size();
  }

  /// {@return i of the routed experts}
  public int intermediate() {
    return experts.intermediate();
  }

  /// {@return e, the experts that the router chooses from}
  public int globalExperts() {
    return experts.map().globalExperts();
  }

  /// One line, without the weights: `layer 3: top-8 of 128 experts, H 2048, I 768, int4 g32 (BF16
  /// scales), shared expert`.
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "layer %d: top-%d of %s%s%s",
        index,
        topK,
        experts,
        shared == null ? "" : ", shared expert",
        router == null ? ", the caller routes" : "");
  }
}
