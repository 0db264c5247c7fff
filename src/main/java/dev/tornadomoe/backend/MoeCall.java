package dev.tornadomoe.backend;

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
  private @Nullable MemorySegment hidden;
  private @Nullable MemorySegment output;
  private @Nullable MemorySegment residual;
  private @Nullable MemorySegment topkIds;
  private @Nullable MemorySegment topkWeights;

  /// Which layer, by its place in the plan; 0 unless set, and always for plans of whole steps.
  public MoeCall layer(int place) {
    layer = place;
    return this;
  }

  /// Hidden states `[tokens, H]`.
  public MoeCall hidden(MemorySegment rows, int count) {
    hidden = rows;
    tokens = count;
    return this;
  }

  /// Where the result `[tokens, H]` goes.
  public MoeCall output(MemorySegment rows) {
    output = rows;
    return this;
  }

  /// Rows `[tokens, H]` to add, for plans with a given residual.
  public MoeCall residual(MemorySegment rows) {
    residual = rows;
    return this;
  }

  /// Chosen experts and their weights, `[tokens, k]` I32 and F32, for plans in which the caller
  /// routes.
  public MoeCall routing(MemorySegment ids, MemorySegment weights) {
    topkIds = ids;
    topkWeights = weights;
    return this;
  }

  public int layer() {
    return layer;
  }

  public int tokens() {
    return tokens;
  }

  public @Nullable MemorySegment hidden() {
    return hidden;
  }

  public @Nullable MemorySegment output() {
    return output;
  }

  public @Nullable MemorySegment residual() {
    return residual;
  }

  public @Nullable MemorySegment topkIds() {
    return topkIds;
  }

  public @Nullable MemorySegment topkWeights() {
    return topkWeights;
  }
}
