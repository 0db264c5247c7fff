package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.function.Consumer;

/// Calls on made-up rows that have a session do once all that it does later: for each layer, or all
/// of them where a call is a whole step, with the fewest and the most tokens of each of the plan's
/// ranges, on native memory and on Java arrays: the compiler makes code for the kinds of memory
/// that it has seen.
public final class WarmUp {
  /// More tokens of one call run the same code once more.
  private static final int MOST_TOKENS = 16;

  private static final long QUIET_NANOS = 500_000_000;
  private static final long WINDOW_NANOS = 100_000_000;
  private static final long LIMIT_NANOS = 10_000_000_000L;

  /// A window is no faster than the one before if it takes at least this part of its time.
  private static final double FASTER = 0.9;

  private final MoePlan plan;
  private final Consumer<MoeCall> session;

  /// @param session runs a call
  public WarmUp(MoePlan plan, Consumer<MoeCall> session) {
    this.plan = plan;
    this.session = session;
  }

  /// Runs each call once.
  public void once() {
    try (Arena arena = Arena.ofShared()) {
      calls(arena).forEach(session);
    }
  }

  /// Runs all calls in turns until the JVM's compiler has nothing more to do with them and they get
  /// no faster, for ten seconds at most. Once, where they meet those of other processes, which
  /// could not agree when to end, and where each is checked.
  public void untilCompiled() {
    if (plan.options().sanitize() || !isLocal()) {
      once();
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      List<MoeCall> calls = calls(arena);
      long end = System.nanoTime() + LIMIT_NANOS;
      long quietSince = System.nanoTime();
      double before = Double.POSITIVE_INFINITY;
      while (System.nanoTime() < end && System.nanoTime() - quietSince < QUIET_NANOS) {
        double nanos = window(calls);
        if (nanos < FASTER * before || JitCompiler.isBusy()) {
          quietSince = System.nanoTime();
        }
        before = nanos;
      }
    }
  }

  /// Nanoseconds of all calls in turn.
  private double window(List<MoeCall> calls) {
    long start = System.nanoTime();
    long rounds = 0;
    do {
      calls.forEach(session);
      rounds++;
    } while (System.nanoTime() - start < WINDOW_NANOS);
    return (System.nanoTime() - start) / (double) rounds;
  }

  private boolean isLocal() {
    for (int layer = 0; layer < plan.layers().size(); layer++) {
      if (!plan.modularMoe(layer).prepareAndFinalize().isLocal()) {
        return false;
      }
    }
    return true;
  }

  private List<MoeCall> calls(Arena arena) {
    SortedSet<Integer> tokens = new TreeSet<>();
    for (BucketPlan bucket : plan.buckets()) {
      tokens.add(Math.min(MOST_TOKENS, bucket.minTokens()));
      tokens.add(Math.min(MOST_TOKENS, bucket.maxTokens()));
    }
    tokens.remove(0);
    int layerIndices = plan.options().call().wholeStep() ? 1 : plan.layers().size();
    List<MoeCall> calls = new ArrayList<>();
    for (int count : tokens) {
      for (int layerIndex = 0; layerIndex < layerIndices; layerIndex++) {
        calls.add(
            call(layerIndex, count, (type, n) -> arena.allocate(n * type.bytes(), alignment())));
        calls.add(call(layerIndex, count, WarmUp::array));
      }
    }
    return calls;
  }

  private long alignment() {
    return Math.max(64, plan.options().call().outputAlignment());
  }

  /// Where rows are made.
  @FunctionalInterface
  private interface Memory {
    MemorySegment allocate(DType type, long elements);
  }

  private static MemorySegment array(DType type, long elements) {
    int length = Math.toIntExact(elements);
    return switch (type) {
      case F32 -> MemorySegment.ofArray(new float[length]);
      case I32 -> MemorySegment.ofArray(new int[length]);
      default -> MemorySegment.ofArray(new short[length]);
    };
  }

  private MoeCall call(int layerIndex, int tokens, Memory memory) {
    CallSpec spec = plan.options().call();
    MoeLayer layer = plan.layers().get(layerIndex);
    MemorySegment hidden = random(CallerRegion.HIDDEN, layer, tokens, memory);
    MoeCall call =
        new MoeCall()
            .layer(layerIndex)
            .hidden(hidden, tokens)
            .output(spec.inPlace() ? hidden : zeros(CallerRegion.OUTPUT, layer, tokens, memory));
    if (spec.residual() == Residual.GIVEN) {
      call.residual(random(CallerRegion.RESIDUAL, layer, tokens, memory));
    }
    // Whatever kinds of numbers there are, 0 is one of them.
    plan.keys(layerIndex)
        .forEach(key -> {
          CallerRegion region = CallerRegion.of(key.kind());
          call.memory(region, zeros(region, layer, tokens, memory));
        });
    if (plan.results(layerIndex).contains(CallerRegion.ROUTER_STATES)) {
      call.routerStates(zeros(CallerRegion.ROUTER_STATES, layer, tokens, memory));
    }
    if (spec.takesRouting()) {
      int k = layer.topK();
      int experts = plan.layers().stream().mapToInt(MoeLayer::globalExperts).min().orElse(k);
      MemorySegment ids = zeros(CallerRegion.TOPK_IDS, layer, tokens, memory);
      MemorySegment weights = zeros(CallerRegion.TOPK_WEIGHTS, layer, tokens, memory);
      for (int pair = 0; pair < tokens * k; pair++) {
        ids.setAtIndex(ValueLayout.JAVA_INT, pair, pair % experts);
        weights.setAtIndex(ValueLayout.JAVA_FLOAT, pair, 1f / k);
      }
      call.routing(ids, weights);
    }
    if (spec.norm() != null) {
      call.tail(
          random(CallerRegion.NORM_WEIGHTS, layer, tokens, memory),
          zeros(CallerRegion.NORMED, layer, tokens, memory));
    }
    return call;
  }

  private MemorySegment zeros(CallerRegion region, MoeLayer layer, int tokens, Memory memory) {
    CallerRows rows = CallerRows.of(plan.options().call(), region, layer);
    return memory.allocate(rows.type(), rows.elements(tokens));
  }

  private MemorySegment random(CallerRegion region, MoeLayer layer, int tokens, Memory memory) {
    CallerRows rows = CallerRows.of(plan.options().call(), region, layer);
    return rows(rows.type(), Math.toIntExact(rows.elements(tokens)), memory);
  }

  private static MemorySegment rows(DType type, int count, Memory memory) {
    SplittableRandom random = new SplittableRandom(1);
    MemorySegment rows = memory.allocate(type, count);
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextGaussian();
      switch (type) {
        case F32 -> rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> rows.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        default -> rows.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.fromFloat(value));
      }
    }
    return rows;
  }
}
