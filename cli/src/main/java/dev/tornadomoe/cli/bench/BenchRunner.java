package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.AliasDecision;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Measures whole steps with one token count: sessions with and without alias and what the memory
/// reaches by itself, in turns, so that whatever the machine does besides meets all of them.
final class BenchRunner {
  private static final int FEWEST_ROUNDS = 5;

  /// Calls under the session's profiler, at most.
  private static final int PROFILED = 9;

  /// Calls from one look at the threads to the next, which takes as long as a short call.
  private static final int PLACEMENT_EVERY = 16;

  private final List<Session> sessions;
  private final List<MoeLayer> measured;
  private final List<CoreUse> coreUses = new ArrayList<>();
  private final boolean expertsOnly;
  private final double seconds;
  private final PrintWriter err;

  /// @param sessions on the same layers, for plans of whole steps, each measured
  /// @param layers with all experts, wherever a session has them
  /// @param seconds how long to measure, and how long to warm up before, at least
  /// @param err for how far it is
  BenchRunner(
      List<Session> sessions,
      List<MoeLayer> layers,
      boolean expertsOnly,
      double seconds,
      PrintWriter err) {
    this.sessions = sessions;
    this.measured = layers;
    this.expertsOnly = expertsOnly;
    this.seconds = seconds;
    this.err = err;
  }

  /// One result for each session.
  List<BenchResult> run(int tokens) {
    MoePlan plan = sessions.getFirst().plan();
    int layers = plan.layers().size();
    long rowBytes = (long) tokens * plan.layers().getFirst().hidden() * Float.BYTES;
    try (Arena arena = Arena.ofShared();
        BenchProgress progress = new BenchProgress(tokens, rowBytes, seconds, err)) {
      List<BenchInputs.Input> inputs =
          new BenchInputs(measured, expertsOnly, arena).make(tokens, progress::made);
      List<MoeCall> calls =
          inputs.stream().map(new BenchMemory(plan, tokens, arena)::call).toList();
      @Nullable MemoryProbe probe = sessions.getFirst().memoryProbe().orElse(null);
      List<List<Double>> times = new ArrayList<>();
      sessions.forEach(session -> times.add(new ArrayList<>()));
      List<Double> memory = new ArrayList<>();
      Steadiness steadiness = new Steadiness(seconds);
      long end = 0;
      // Each takes the next input: what the one before has just read may still be in the cache.
      int next = 0;
      for (int measured = 0; measured < FEWEST_ROUNDS || System.nanoTime() - end < 0; ) {
        boolean count = steadiness.ended();
        measured += count ? 1 : 0;
        double round = 0;
        for (int s = 0; s < sessions.size(); s++) {
          double micros = step(sessions.get(s), calls.get(next++ % calls.size())) / layers;
          round += micros;
          if (count) {
            times.get(s).add(micros);
            if (times.get(s).size() % PLACEMENT_EVERY == 1) {
              sessions.get(s).coreUse().ifPresent(coreUses::add);
            }
          }
        }
        if (probe != null) {
          double rate = move(probe, inputs.get(next++ % inputs.size()));
          if (count) {
            memory.add(rate);
          }
        }
        if (!count) {
          steadiness.add(round, System.nanoTime());
          end = System.nanoTime() + (long) (seconds * 1e9);
        }
        progress.ran(count);
      }
      progress.done();
      return results(tokens, inputs, times, memory, calls.getFirst(), steadiness.steady());
    }
  }

  /// Where threads were in most of the calls, or null where that is unknown.
  @Nullable CoreUse coreUse() {
    List<CoreUse> sorted =
        coreUses.stream().sorted(Comparator.comparingInt(CoreUse::cores)).toList();
    return sorted.isEmpty() ? null : sorted.get(sorted.size() / 2);
  }

  private static double bytes(BenchInputs.Input input) {
    return input.reads().stream().mapToDouble(BenchInputs.Reads::bytes).sum();
  }

  private static double operations(BenchInputs.Input input) {
    return input.reads().stream().mapToDouble(BenchInputs.Reads::operations).sum();
  }

  /// Microseconds.
  private static double step(Session session, MoeCall call) {
    BenchMemory.ready(session.plan(), call);
    long start = System.nanoTime();
    session.run(call);
    return (System.nanoTime() - start) / 1e3;
  }

  /// GB/s.
  private static double move(MemoryProbe probe, BenchInputs.Input input) {
    List<int[]> experts = input.reads().stream().map(BenchInputs.Reads::experts).toList();
    long start = System.nanoTime();
    long bytes = probe.move(experts);
    return bytes / (double) (System.nanoTime() - start);
  }

  private List<BenchResult> results(
      int tokens,
      List<BenchInputs.Input> inputs,
      List<List<Double>> times,
      List<Double> memory,
      MoeCall call,
      boolean steady) {
    int layers = sessions.getFirst().plan().layers().size();
    double bytesPerLayer =
        inputs.stream().mapToDouble(BenchRunner::bytes).average().orElse(0) / layers;
    double operationsPerLayer =
        inputs.stream().mapToDouble(BenchRunner::operations).average().orElse(0) / layers;
    List<BenchResult> results = new ArrayList<>();
    for (int s = 0; s < sessions.size(); s++) {
      Session session = sessions.get(s);
      BucketPlan bucket = session.plan().bucket(tokens);
      long copies = session.copies();
      long tasks = session.tasks();
      step(session, call);
      copies = session.copies() - copies;
      tasks = session.tasks() - tasks;
      @Nullable Profile profile = profile(session, call);
      double median = median(times.get(s));
      results.add(
          new BenchResult(
              tokens,
              session.plan().options().aliasing() != AliasMode.OFF,
              bucket.decisions().stream().allMatch(AliasDecision::aliased),
              median,
              times.get(s).stream().mapToDouble(t -> t).min().orElse(Double.NaN),
              profile == null ? Map.of() : tasks(profile, layers),
              profile == null || profile.besideMicros() == 0
                  ? Double.NaN
                  : profile.besideMicros() / layers,
              Math.toIntExact(Math.ceilDiv(tasks, layers)),
              profile == null ? copies : profile.outputCopies(),
              bytesPerLayer / median / 1e3,
              operationsPerLayer / median / 1e3,
              median(memory),
              steady));
    }
    return results;
  }

  /// The profile with the median time of some calls, if the session has a profiler. Long calls are
  /// fewer: they take no longer together than what was measured before.
  private @Nullable Profile profile(Session session, MoeCall call) {
    List<Profile> profiles = new ArrayList<>();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (profiles.isEmpty() || (profiles.size() < PROFILED && System.nanoTime() - end < 0)) {
      BenchMemory.ready(session.plan(), call);
      Optional<Profile> profile = session.profile(call);
      if (profile.isEmpty()) {
        return null;
      }
      profiles.add(profile.get());
    }
    profiles.sort(Comparator.comparingDouble(Profile::micros));
    return profiles.get(profiles.size() / 2);
  }

  /// Microseconds per layer by operation. None where the profiler only counts.
  private static Map<String, Double> tasks(Profile profile, int layers) {
    if (Double.isNaN(profile.micros())) {
      return Map.of();
    }
    Map<String, Double> tasks = profile.microsByOperation();
    tasks.replaceAll((operation, micros) -> micros / layers);
    return tasks;
  }

  static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(v -> v).toArray();
    Arrays.sort(sorted);
    return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
  }
}
