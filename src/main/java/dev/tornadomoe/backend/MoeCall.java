package dev.tornadomoe.backend;

import dev.tornadomoe.plan.CallerRegion;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The arguments of one call: which layer, how many tokens, and whose memory. Make one and use it
/// again: setting and running allocate nothing.
///
/// Segments are native or over a Java array, row-major, exactly as long as their rows; their
/// element types are those of the plan's [dev.tornadomoe.plan.CallSpec].
public final class MoeCall {
  private int layer;
  private int tokens;
  private final @Nullable MemorySegment[] memory =
      new @Nullable MemorySegment[CallerRegion.values().length];

  /// Makes a call of layer 0 that has no memory yet.
  public MoeCall() {}

  /// Which layer, by its index in the plan; 0 unless set, and always for plans of whole steps.
  ///
  /// @param layerIndex 0 for the plan's first layer
  /// @return this call
  public MoeCall layer(int layerIndex) {
    layer = layerIndex;
    return this;
  }

  /// Hidden states `[tokens, H]`.
  ///
  /// @param rows row-major, `tokens * H` values
  /// @param count the tokens of the call, 0 or more
  /// @return this call
  public MoeCall hidden(MemorySegment rows, int count) {
    tokens = count;
    return memory(CallerRegion.HIDDEN, rows);
  }

  /// Where the result `[tokens, H]` goes, or for a deferred output the experts' rows `[tokens * k,
  /// H]`.
  ///
  /// @param rows row-major, `tokens * H` values, or `tokens * k * H`
  /// @return this call
  public MoeCall output(MemorySegment rows) {
    return memory(CallerRegion.OUTPUT, rows);
  }

  /// Rows `[tokens, H]` to add, for plans with a given residual.
  ///
  /// @param rows row-major, `tokens * H` values
  /// @return this call
  public MoeCall residual(MemorySegment rows) {
    return memory(CallerRegion.RESIDUAL, rows);
  }

  /// Chosen experts and their weights, `[tokens, k]` I32 and F32: for plans in which the caller
  /// routes, or where they go for plans with a deferred output.
  ///
  /// @param ids of experts, row-major, 0 to E - 1, distinct for a token
  /// @param weights what multiplies each expert's result
  /// @return this call
  public MoeCall routing(MemorySegment ids, MemorySegment weights) {
    return memory(CallerRegion.TOPK_IDS, ids).memory(CallerRegion.TOPK_WEIGHTS, weights);
  }

  /// The norm's weights and where its rows go, for plans with a tail.
  ///
  /// @param weights F32, H values
  /// @param rows row-major, `tokens * H` values of the output's type
  /// @return this call
  public MoeCall tail(MemorySegment weights, MemorySegment rows) {
    return memory(CallerRegion.NORM_WEIGHTS, weights).memory(CallerRegion.NORMED, rows);
  }

  /// The tokens' ids, for layers that choose experts by them ([dev.tornadomoe.plan.MoePlan#inputs]
  /// says which). Layers that have no use for them take a call that brings them all the same.
  ///
  /// @param ids I32, one for each token, within the model's vocabulary
  /// @return this call
  public MoeCall tokenIds(MemorySegment ids) {
    return memory(CallerRegion.TOKEN_IDS, ids);
  }

  /// What the router handed on in the layer before, for layers that go on from it; afterwards it is
  /// what this layer's router hands on. So the same memory goes from layer to layer, or a whole
  /// step takes it through all of them. The model's first layer only writes it. Layers that have no
  /// use for it ([dev.tornadomoe.plan.MoePlan#results] says which) take a call that brings it all
  /// the same.
  ///
  /// @param states F32 `[tokens, R]` ([dev.tornadomoe.layer.MoeLayer#routerStates])
  /// @return this call
  public MoeCall routerStates(MemorySegment states) {
    return memory(CallerRegion.ROUTER_STATES, states);
  }

  /// Sets the memory of one region, and nothing else: for hidden states the call keeps the number
  /// of tokens that it has.
  ///
  /// @param region any
  /// @param rows as [dev.tornadomoe.plan.CallerRows] describes them
  /// @return this call
  @SuppressWarnings("EnumOrdinal") // a place in an array: calls allocate nothing
  public MoeCall memory(CallerRegion region, MemorySegment rows) {
    memory[region.ordinal()] = rows;
    return this;
  }

  /// {@return the layer's index in the plan}
  public int layer() {
    return layer;
  }

  /// {@return how many tokens the call has}
  public int tokens() {
    return tokens;
  }

  /// {@return the hidden states `[tokens, H]`, or null before they are set}
  public @Nullable MemorySegment hidden() {
    return memory(CallerRegion.HIDDEN);
  }

  /// {@return where the result `[tokens, H]` goes, or null before it is set}
  public @Nullable MemorySegment output() {
    return memory(CallerRegion.OUTPUT);
  }

  /// {@return the rows `[tokens, H]` to add, or null without any}
  public @Nullable MemorySegment residual() {
    return memory(CallerRegion.RESIDUAL);
  }

  /// {@return chosen experts, I32 `[tokens, k]`, or null without memory for them}
  public @Nullable MemorySegment topkIds() {
    return memory(CallerRegion.TOPK_IDS);
  }

  /// {@return the weights of those experts, F32 `[tokens, k]`, or null without memory for them}
  public @Nullable MemorySegment topkWeights() {
    return memory(CallerRegion.TOPK_WEIGHTS);
  }

  /// {@return the memory of a region, or null where the call has none; in place, the hidden states
  /// are the output's memory}
  ///
  /// @param region any
  @SuppressWarnings("EnumOrdinal") // as above
  public @Nullable MemorySegment memory(CallerRegion region) {
    return memory[region.ordinal()];
  }
}
