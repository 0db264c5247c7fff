package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.Comparator;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Checks that a call keeps what the plan was promised: sizes, memory that is alive and can be
/// written, no overlap but the one that was planned. The planner proved the rest.
public final class CallChecks {
  /// A thread that is never started: memory that it can't touch, our workers can't touch either.
  private static final Thread ANY_THREAD = new Thread(() -> {});

  private final MoePlan plan;
  private final CallSpec spec;
  private final WeightMemory weights;
  private final MoeLayer fewestExperts;
  private final boolean[] seen;

  /// Checks for one session.
  ///
  /// @param weights what a call may not write over
  public CallChecks(MoePlan plan, WeightMemory weights) {
    this.plan = plan;
    this.weights = weights;
    this.spec = plan.options().call();
    Comparator<MoeLayer> byExperts = Comparator.comparingInt(MoeLayer::globalExperts);
    this.fewestExperts = Collections.min(plan.layers(), byExperts);
    this.seen = new boolean[Collections.max(plan.layers(), byExperts).globalExperts()];
  }

  /// Checks one call.
  ///
  /// @throws BackendException when it breaks a promise
  public void check(@Nullable MoeCall call) {
    if (call == null) {
      throw new BackendException("there is no call: a session was told to run null");
    }
    int layerIndex = call.layer();
    if (layerIndex < 0 || layerIndex >= plan.layers().size()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan has layers 0 to %d, the call is for layer %d",
              plan.layers().size() - 1,
              layerIndex));
    }
    if (spec.wholeStep() && layerIndex != 0) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan runs all its layers in each call, which must be for layer 0; the call is"
                  + " for layer %d",
              layerIndex));
    }
    int tokens = call.tokens();
    if (tokens < 0) {
      throw new BackendException(String.format(Locale.ROOT, "a call can't have %d tokens", tokens));
    }
    if (tokens > plan.options().maxTokens()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan is for at most %d tokens, the call has %d; plan with maxTokens(%d)",
              plan.options().maxTokens(),
              tokens,
              tokens));
    }
    MoeLayer layer = plan.layers().get(layerIndex);
    long row = (long) layer.hidden();
    MemorySegment hidden = required(CallerRegion.HIDDEN, call.hidden());
    MemorySegment output = required(CallerRegion.OUTPUT, call.output());
    checkMemory(CallerRegion.HIDDEN, hidden, tokens * row * spec.hiddenType().bytes());
    checkOutput(output, tokens, layer.hidden());
    if (spec.inPlace()) {
      if (!Overlap.isSame(hidden, output)) {
        throw new BackendException(
            "the plan is in place: hidden and output must be the same memory");
      }
    } else {
      refuseOverlap(CallerRegion.HIDDEN, hidden, output);
    }
    checkResidual(call, tokens * row * spec.hiddenType().bytes(), output);
    checkRouting(call, tokens, layer, output);
  }

  private static MemorySegment required(CallerRegion region, @Nullable MemorySegment segment) {
    if (segment == null) {
      throw new BackendException(String.format(Locale.ROOT, "the call has no %s", region));
    }
    return segment;
  }

  private static void checkMemory(CallerRegion region, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "%s has %d bytes, expected %d", region, segment.byteSize(), bytes));
    }
    if (!segment.scope().isAlive()) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "MEMORY_KIND: %s lies in memory that has been closed", region));
    }
    if (!segment.isAccessibleBy(ANY_THREAD)) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "MEMORY_KIND: %s lies in an arena that belongs to one thread, but several work on it;"
                  + " use Arena.ofShared() or Arena.ofAuto()",
              region));
    }
  }

  private void checkOutput(MemorySegment output, int tokens, int hidden) {
    int element = spec.outputType().bytes();
    long stride = spec.outputStride() == 0 ? hidden : spec.outputStride();
    long least = tokens == 0 ? 0 : ((tokens - 1) * stride + hidden) * element;
    long most = tokens * stride * element;
    // The last row may end with its elements or be as wide as the others.
    checkMemory(CallerRegion.OUTPUT, output, output.byteSize() == least ? least : most);
    if (output.isReadOnly()) {
      throw new BackendException("LAYOUT_MISMATCH: output is read-only");
    }
    int alignment = spec.outputAlignment();
    if (output.isNative() && output.address() % alignment != 0) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "LAYOUT_MISMATCH: output begins at an address that is no multiple of %d, which the"
                  + " plan was promised",
              alignment));
    }
    if (weights.overlaps(output)) {
      throw new BackendException("OVERLAPS_INPUT: output overlaps the weights");
    }
  }

  private void checkResidual(MoeCall call, long bytes, MemorySegment output) {
    MemorySegment residual = call.residual();
    if (spec.residual() != Residual.GIVEN) {
      if (residual != null) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "the call has a residual, but the plan says residual %s",
                spec.residual()));
      }
      return;
    }
    checkMemory(CallerRegion.RESIDUAL, required(CallerRegion.RESIDUAL, residual), bytes);
    refuseOverlap(CallerRegion.RESIDUAL, required(CallerRegion.RESIDUAL, residual), output);
  }

  private void checkRouting(MoeCall call, int tokens, MoeLayer layer, MemorySegment output) {
    if (!spec.callerRoutes()) {
      if (call.topkIds() != null || call.topkWeights() != null) {
        throw new BackendException(
            "the call has ids and weights, but the plan uses the layer's router");
      }
      return;
    }
    MemorySegment ids = required(CallerRegion.TOPK_IDS, call.topkIds());
    MemorySegment weights = required(CallerRegion.TOPK_WEIGHTS, call.topkWeights());
    long bytes = (long) tokens * layer.topK() * 4;
    checkMemory(CallerRegion.TOPK_IDS, ids, bytes);
    checkMemory(CallerRegion.TOPK_WEIGHTS, weights, bytes);
    refuseOverlap(CallerRegion.TOPK_IDS, ids, output);
    refuseOverlap(CallerRegion.TOPK_WEIGHTS, weights, output);
    // Ids that are right for the fewest experts are right for every layer of a step.
    checkIds(ids, tokens, spec.wholeStep() ? fewestExperts : layer);
    checkWeights(weights, layer.topK());
  }

  /// A NaN is a mistake of the router; nothing would say so once it is in the output.
  private static void checkWeights(MemorySegment weights, int topK) {
    long count = weights.byteSize() / 4;
    for (long i = 0; i < count; i++) {
      if (Float.isNaN(weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4))) {
        throw new BackendException(
            String.format(
                Locale.ROOT,
                "topk_weights has NaN for token %d in place %d, expected a number",
                i / topK,
                i % topK));
      }
    }
  }

  private void checkIds(MemorySegment ids, int tokens, MoeLayer layer) {
    int topK = layer.topK();
    for (int token = 0; token < tokens; token++) {
      long first = (long) token * topK;
      for (int slot = 0; slot < topK; slot++) {
        int id = id(ids, first + slot);
        if (id < 0 || id >= layer.globalExperts()) {
          clear(ids, first, slot);
          throw new BackendException(
              String.format(
                  Locale.ROOT,
                  "topk_ids has expert %d for token %d, expected 0 to %d",
                  id,
                  token,
                  layer.globalExperts() - 1));
        }
        if (seen[id]) {
          clear(ids, first, slot);
          throw new BackendException(
              String.format(Locale.ROOT, "topk_ids has expert %d twice for token %d", id, token));
        }
        seen[id] = true;
      }
      clear(ids, first, topK);
    }
  }

  private void clear(MemorySegment ids, long first, int count) {
    for (int slot = 0; slot < count; slot++) {
      seen[id(ids, first + slot)] = false;
    }
  }

  private static int id(MemorySegment ids, long index) {
    return ids.get(ValueLayout.JAVA_INT_UNALIGNED, index * 4);
  }

  private static void refuseOverlap(
      CallerRegion region, MemorySegment segment, MemorySegment output) {
    if (Overlap.exists(segment, output)) {
      throw new BackendException(
          Overlap.isSame(segment, output)
              ? String.format(
                  Locale.ROOT,
                  "OVERLAPS_INPUT: output is the same memory as %s, which the plan does not allow",
                  region)
              : String.format(Locale.ROOT, "OVERLAPS_INPUT: output overlaps %s", region));
    }
  }
}
