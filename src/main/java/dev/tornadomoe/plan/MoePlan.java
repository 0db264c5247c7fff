package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.modular.ModularMoe;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/// How one or more MoE layers of a step are computed: for each range of token counts the steps, the
/// buffers and the decisions. Data, made by a [Planner] and verified; a backend compiles it.
public final class MoePlan {
  private final List<MoeLayer> layers;
  private final List<ModularMoe> modularMoes;
  private final PlanOptions options;
  private final List<BucketPlan> buckets;

  MoePlan(
      List<MoeLayer> layers,
      List<ModularMoe> modularMoes,
      PlanOptions options,
      List<BucketPlan> buckets) {
    this.layers = layers;
    this.modularMoes = modularMoes;
    this.options = options;
    this.buckets = buckets;
  }

  /// {@return the layers that were planned, in the order in which a step runs them}
  public List<MoeLayer> layers() {
    return layers;
  }

  /// {@return the pieces that a layer is computed by}
  ///
  /// @param layer its index in the plan
  public ModularMoe modularMoe(int layer) {
    return modularMoes.get(layer);
  }

  /// {@return what the plan was made by}
  public PlanOptions options() {
    return options;
  }

  /// {@return the plans by token count, ascending; the first is for no tokens at all}
  public List<BucketPlan> buckets() {
    return buckets;
  }

  /// {@return the plan for calls (or chunks of calls) with this many tokens}
  ///
  /// @param tokens 0 to [PlanOptions#chunkTokens]
  /// @throws PlanException for more tokens than the plan was made for, or fewer than none
  public BucketPlan bucket(int tokens) {
    return buckets.get(bucketIndex(tokens));
  }

  /// {@return the index in [#buckets] of the plan for this many tokens}
  ///
  /// @param tokens 0 to [PlanOptions#chunkTokens]
  /// @throws PlanException for more tokens than the plan was made for, or fewer than none
  public int bucketIndex(int tokens) {
    if (tokens < 0) {
      throw new PlanException(String.format(Locale.ROOT, "a call can't have %d tokens", tokens));
    }
    for (int i = 0; i < buckets.size(); i++) {
      if (tokens <= buckets.get(i).maxTokens()) {
        return i;
      }
    }
    throw new PlanException(
        String.format(
            Locale.ROOT,
            "the plan is for at most %d tokens at once, found %d",
            buckets.getLast().maxTokens(),
            tokens));
  }

  /// {@return the regions that a call of a layer reads, by their own name: what [CallSpec#inputs]
  /// says, and what routers ask of each token}
  ///
  /// @param layer its index in the plan; a whole step's calls are for layer 0 and bring what any
  ///   layer needs
  public Set<CallerRegion> inputs(int layer) {
    Set<CallerRegion> inputs = options.call().inputs();
    keys(layer).forEach(key -> inputs.add(CallerRegion.of(key.kind())));
    return inputs;
  }

  /// {@return the regions that a call of a layer writes: what [CallSpec#results] says, and what its
  /// router hands on to the next layer's}
  ///
  /// @param layer its index in the plan; all layers count where a call is a whole step
  public Set<CallerRegion> results(int layer) {
    Set<CallerRegion> results = options.call().results();
    if (routing(layer).stream().anyMatch(one -> one.routerStates() > 0)) {
      results.add(CallerRegion.ROUTER_STATES);
    }
    return results;
  }

  /// {@return the regions whose rows a call of a layer reads: its inputs, and results that hold
  /// some before}
  ///
  /// @param layer its index in the plan; of a whole step, 0 for what it finds
  public Set<CallerRegion> regionsRead(int layer) {
    Set<CallerRegion> read = inputs(layer);
    if (options.call().readsOutput()) {
      read.add(CallerRegion.OUTPUT);
    }
    Router router = layers.get(layer).router();
    if (!options.call().callerRoutes()
        && router != null
        && router.mlp() != null
        && router.mlp().goesOn()) {
      read.add(CallerRegion.ROUTER_STATES);
    }
    return read;
  }

  /// {@return what the routers of a call ask of each token: one of each kind, with the fewest
  /// values that any of them takes}
  ///
  /// @param layer its index in the plan; all layers count where a call is a whole step
  public List<TokenKey> keys(int layer) {
    return TokenKey.of(routing(layer));
  }

  /// The layers whose routers a call runs.
  private List<MoeLayer> routing(int layer) {
    CallSpec call = options.call();
    if (call.callerRoutes()) {
      return List.of();
    }
    return call.wholeStep() ? layers : List.of(layers.get(layer));
  }

  /// {@return the scratch that a session needs in bytes: the most of any bucket}
  public long workspaceBytes() {
    return buckets.stream().mapToLong(BucketPlan::workspaceBytes).max().orElse(0);
  }

  /// {@return what carries rows between processes takes beside it: layers share that, one after the
  /// other, and so do sessions}
  public long carrierBytes() {
    return IntStream.range(0, layers.size())
        .mapToLong(
            index -> modularMoe(index).prepareAndFinalize().carrierBytes(options.chunkTokens()))
        .max()
        .orElse(0);
  }

  /// {@return the same layers planned without any alias, without sanitising, and one to a call,
  /// also where this plan's calls are whole steps: what each layer of an aliased run must agree
  /// with to the bit}
  public MoePlan unaliased() {
    return Planner.plan(
        layers, modularMoes, options.withAliasing(AliasMode.OFF).layerByLayerUnsanitised());
  }

  /// One line: `plan of 48 layers for up to 64 tokens, precision exact, workspace 5767168 bytes`.
  /// [dev.tornadomoe.plan.explain.Explanation] says the rest.
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "plan of %d %s for up to %d tokens, precision %s, workspace %d bytes",
        layers.size(),
        layers.size() == 1 ? "layer" : "layers",
        options.maxTokens(),
        options.precision(),
        workspaceBytes());
  }
}
