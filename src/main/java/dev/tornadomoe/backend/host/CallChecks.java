package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.Comparator;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntFunction;
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
  private final KeyChecks keys;

  /// What the calls of each layer read, by the layer's index in the plan.
  private final CallerRows[][] inputs;

  /// What they write.
  private final CallerRows[][] results;

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
    this.inputs = rows(plan::inputs);
    this.results = rows(plan::results);
    this.keys = new KeyChecks(plan);
  }

  /// @param regions of a layer, by its index in the plan
  private CallerRows[][] rows(IntFunction<Set<CallerRegion>> regions) {
    CallerRows[][] rows = new CallerRows[plan.layers().size()][];
    for (int index = 0; index < rows.length; index++) {
      MoeLayer layer = plan.layers().get(index);
      rows[index] =
          regions.apply(index).stream()
              .map(region -> CallerRows.of(spec, region, layer))
              .toArray(CallerRows[]::new);
    }
    return rows;
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
    requirePlanned(call);
    keys.requireThere(call);
    for (CallerRows input : inputs[layerIndex]) {
      checkMemory(required(call, input.region()), input, tokens);
    }
    for (CallerRows result : results[layerIndex]) {
      checkResult(call, result, tokens);
    }
    refuseOverlaps(call, inputs[layerIndex], results[layerIndex]);
    if (spec.inPlace()
        && !Overlap.isSame(
            required(call, CallerRegion.HIDDEN), required(call, CallerRegion.OUTPUT))) {
      throw new BackendException("the plan is in place: hidden and output must be the same memory");
    }
    keys.requireInRange(call);
    if (spec.callerRoutes()) {
      checkRouting(call, tokens, plan.layers().get(layerIndex));
    }
  }

  /// Nothing that the plan has no use for.
  private void requirePlanned(MoeCall call) {
    if (call.residual() != null && spec.residual() != Residual.GIVEN) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the call has a residual, but the plan says residual %s",
              spec.residual()));
    }
    if (!spec.takesRouting() && (call.topkIds() != null || call.topkWeights() != null)) {
      throw new BackendException(
          "the call has ids and weights, but the plan uses the layer's router");
    }
    if (spec.norm() == null && call.memory(CallerRegion.NORMED) != null) {
      throw new BackendException(
          "the call has memory for normed rows, but the plan has no tail that writes any");
    }
  }

  private static MemorySegment required(MoeCall call, CallerRegion region) {
    MemorySegment segment = call.memory(region);
    if (segment == null) {
      throw new BackendException(String.format(Locale.ROOT, "the call has no %s", region));
    }
    return segment;
  }

  private static void checkMemory(MemorySegment segment, CallerRows expected, int tokens) {
    CallerRegion region = expected.region();
    long bytes = expected.elements(tokens) * expected.type().bytes();
    // The last row may end with its elements or be as wide as the others.
    long behind = (expected.stride() - expected.width()) * expected.type().bytes();
    if (segment.byteSize() != bytes && segment.byteSize() != Math.max(0, bytes - behind)) {
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

  private void checkResult(MoeCall call, CallerRows expected, int tokens) {
    CallerRegion region = expected.region();
    MemorySegment result = required(call, region);
    checkMemory(result, expected, tokens);
    if (result.isReadOnly()) {
      throw new BackendException(
          String.format(Locale.ROOT, "LAYOUT_MISMATCH: %s is read-only", region));
    }
    int alignment = region == CallerRegion.OUTPUT ? spec.outputAlignment() : 1;
    if (result.isNative() && result.address() % alignment != 0) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "LAYOUT_MISMATCH: output begins at an address that is no multiple of %d, which the"
                  + " plan was promised",
              alignment));
    }
    if (weights.overlaps(result)) {
      throw new BackendException(
          String.format(Locale.ROOT, "OVERLAPS_INPUT: %s overlaps the weights", region));
    }
  }

  private void refuseOverlaps(MoeCall call, CallerRows[] read, CallerRows[] written) {
    for (int i = 0; i < written.length; i++) {
      CallerRegion result = written[i].region();
      for (CallerRows input : read) {
        boolean isPlanned =
            spec.inPlace()
                && result == CallerRegion.OUTPUT
                && input.region() == CallerRegion.HIDDEN;
        if (!isPlanned) {
          refuseOverlap("OVERLAPS_INPUT", call, result, input.region());
        }
      }
      for (int other = 0; other < i; other++) {
        refuseOverlap("OVERLAPS_RESULT", call, result, written[other].region());
      }
    }
  }

  private void checkRouting(MoeCall call, int tokens, MoeLayer layer) {
    // Ids that are right for the fewest experts are right for every layer of a step.
    checkIds(
        required(call, CallerRegion.TOPK_IDS), tokens, spec.wholeStep() ? fewestExperts : layer);
    checkWeights(required(call, CallerRegion.TOPK_WEIGHTS), layer.topK());
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
      String code, MoeCall call, CallerRegion region, CallerRegion other) {
    MemorySegment result = required(call, region);
    MemorySegment segment = required(call, other);
    if (Overlap.exists(segment, result)) {
      throw new BackendException(
          Overlap.isSame(segment, result)
              ? String.format(
                  Locale.ROOT,
                  "%s: %s is the same memory as %s, which the plan does not allow",
                  code,
                  region,
                  other)
              : String.format(Locale.ROOT, "%s: %s overlaps %s", code, region, other));
    }
  }
}
