package dev.tornadomoe.benchmarks;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// How long a session's first calls take in a JVM that has just started, with `warmUp()` before
/// them or without. See WarmUpBenchmark.md.
///
/// Usage: `java -cp benchmarks/target/benchmarks.jar WarmUpBenchmark CHECKPOINT warm|cold`
public final class WarmUpBenchmark {
  private static final int[] SHOWN = {1, 2, 10, 100, 1000};

  /// Longer than the compiler is busy on a machine that does other things too.
  private static final long NANOS = 20_000_000_000L;

  /// The last calls, whose median is the steady time.
  private static final int STEADY = 1000;

  private WarmUpBenchmark() {}

  public static void main(String[] arguments) {
    if (arguments.length != 2 || !Set.of("warm", "cold").contains(arguments[1])) {
      throw new IllegalArgumentException("usage: WarmUpBenchmark CHECKPOINT warm|cold");
    }
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(arguments[0]))) {
      MoeModel model = MoeModel.of(checkpoint);
      MoeLayer layer = model.layer(model.layerIndices().getFirst());
      MoePlan plan = Planner.builder().build().plan(layer);
      try (Session session = Backends.require("cpu").prepare(plan)) {
        if (arguments[1].equals("warm")) {
          System.out.printf(Locale.ROOT, "warmUp()   %8.2f s%n", millis(session::warmUp) / 1e3);
        }
        print(calls(session, layer.hidden()));
      }
    }
  }

  /// Milliseconds of each call with one token, one after the other.
  private static List<Double> calls(Session session, int hidden) {
    List<Double> times = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment rows = arena.allocate((long) hidden * Float.BYTES, 64);
      MemorySegment output = arena.allocate((long) hidden * Float.BYTES, 64);
      for (long end = System.nanoTime() + NANOS; System.nanoTime() < end; ) {
        times.add(millis(() -> session.run(rows, 1, output)));
      }
    }
    return times;
  }

  private static double millis(Runnable run) {
    long start = System.nanoTime();
    run.run();
    return (System.nanoTime() - start) / 1e6;
  }

  private static void print(List<Double> times) {
    for (int call : SHOWN) {
      if (call <= times.size()) {
        System.out.printf(Locale.ROOT, "call %-5d %8.2f ms%n", call, times.get(call - 1));
      }
    }
    double[] last =
        times.subList(Math.max(0, times.size() - STEADY), times.size()).stream()
            .mapToDouble(time -> time)
            .sorted()
            .toArray();
    System.out.printf(Locale.ROOT, "steady     %8.2f ms%n", last[last.length / 2]);
  }
}
