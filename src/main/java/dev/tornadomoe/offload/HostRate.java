package dev.tornadomoe.offload;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// How long the CPU takes for a pair of a token and an expert where there are many of them.
final class HostRate {
  /// Experts that are loaded for it, and rows that each gets: enough that reading its weights
  /// counts little.
  private static final int EXPERTS = 8;

  private static final int ROWS = 64;

  /// How long it is tried: until code is compiled, and for some calls after that.
  private static final long NANOS = 1_000_000_000;

  /// The fewest calls: the first of them can take seconds where others want the cores, too.
  private static final int CALLS = 10;

  private static final double NANO = 1e-9;

  private HostRate() {}

  /// Measures it with some experts of a layer.
  static double secondsPerPair(MoeLayer layer) {
    List<Mlp> all = layer.experts().local();
    List<Mlp> some = all.subList(0, Math.min(EXPERTS, all.size()));
    MoeLayer probe =
        new MoeLayer(
            layer.index(),
            1,
            null,
            new ExpertWeights(some, ExpertMap.identity(some.size()), layer.experts().activation()),
            null,
            false);
    int tokens = ROWS * some.size();
    MoePlan plan = Planner.builder().callerRoutes(true).maxTokens(tokens).build().plan(probe);
    try (Arena arena = Arena.ofShared();
        Session session = Backends.require("cpu").prepare(plan)) {
      return NANO * leastNanos(session, call(arena, probe, tokens)) / tokens;
    }
  }

  private static MoeCall call(Arena arena, MoeLayer probe, int tokens) {
    long elements = (long) tokens * probe.hidden();
    MemorySegment hidden = arena.allocate(elements * Float.BYTES, 64);
    for (long i = 0; i < elements; i++) {
      hidden.setAtIndex(ValueLayout.JAVA_FLOAT, i, (i % 255 - 127) / 128f);
    }
    MemorySegment ids = arena.allocate((long) tokens * Integer.BYTES, 64);
    MemorySegment weights = arena.allocate((long) tokens * Float.BYTES, 64);
    int experts = probe.experts().local().size();
    for (int token = 0; token < tokens; token++) {
      ids.setAtIndex(ValueLayout.JAVA_INT, token, token % experts);
      weights.setAtIndex(ValueLayout.JAVA_FLOAT, token, 1);
    }
    return new MoeCall()
        .layer(0)
        .hidden(hidden, tokens)
        .output(arena.allocate(elements * Float.BYTES, 64))
        .routing(ids, weights);
  }

  private static long leastNanos(Session session, MoeCall call) {
    long begin = System.nanoTime();
    long least = Long.MAX_VALUE;
    int calls = 0;
    for (long start = begin; calls < CALLS || start - begin < NANOS; start = System.nanoTime()) {
      session.run(call);
      least = Math.min(least, System.nanoTime() - start);
      calls++;
    }
    return least;
  }
}
