package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.JitCompiler;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.parallel.Agreement;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.Traffic;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Measures whole steps of several ranks. They meet before each step and tell each other how long
/// the last one took, so that all measure the same steps.
final class ParallelRunner {
  private static final int FEWEST_STEPS = 5;

  private final ProcessGroup processes;
  private final Communicator ranks;
  private final ExpertParallelism parallelism;
  private final List<MoeLayer> layers;
  private final Session session;
  private final boolean expertsOnly;
  private final double seconds;

  /// @param layers with all experts
  /// @param session on this rank's part of them, for a plan of whole steps
  /// @param seconds how long to warm up, to measure steps, and to measure exchanges
  ParallelRunner(
      ProcessGroup processes,
      Communicator ranks,
      ExpertParallelism parallelism,
      List<MoeLayer> layers,
      Session session,
      boolean expertsOnly,
      double seconds) {
    this.processes = processes;
    this.ranks = ranks;
    this.parallelism = parallelism;
    this.layers = layers;
    this.session = session;
    this.expertsOnly = expertsOnly;
    this.seconds = seconds;
  }

  /// What one step took.
  ///
  /// @param micros of the slowest rank
  /// @param dispatchMicros of the slowest rank
  /// @param expertMicros of the slowest rank
  /// @param combineMicros of the slowest rank
  /// @param messages of all ranks
  /// @param bytes of all ranks
  private record Step(
      double micros,
      double dispatchMicros,
      double expertMicros,
      double combineMicros,
      long messages,
      long bytes) {}

  ParallelResult run(int tokens) {
    try (Arena arena = Arena.ofShared()) {
      List<MoeCall> calls = calls(tokens, arena);
      boolean steady = warmUp(calls);
      long copies = session.copies();
      List<Step> measured = steps(calls);
      copies = session.copies() - copies;
      parallelism.measuring(true);
      List<Step> met = steps(calls);
      parallelism.measuring(false);
      return new ParallelResult(
          tokens,
          median(measured.stream().mapToDouble(Step::micros).toArray()),
          measured.stream().mapToDouble(Step::micros).min().orElse(Double.NaN),
          median(met.stream().mapToDouble(Step::dispatchMicros).toArray()),
          median(met.stream().mapToDouble(Step::expertMicros).toArray()),
          median(met.stream().mapToDouble(Step::combineMicros).toArray()),
          measured.stream().mapToDouble(Step::messages).average().orElse(0) / layers.size(),
          measured.stream().mapToDouble(Step::bytes).average().orElse(0) / layers.size(),
          copies / measured.size(),
          steady);
    }
  }

  /// Runs steps until no rank's compiler is busy with them and the slowest rank's get no faster,
  /// with the limit that one process has.
  ///
  /// @return whether that was reached
  private boolean warmUp(List<MoeCall> calls) {
    double before = Double.NaN;
    for (int window = 0; window < Steadiness.LIMIT; window++) {
      double median = median(steps(calls).stream().mapToDouble(Step::micros).toArray());
      boolean compiling =
          Agreement.exchange(ranks, String.valueOf(JitCompiler.isBusy())).contains("true");
      if (!compiling && median >= Steadiness.FASTER * before) {
        return true;
      }
      before = median;
    }
    return false;
  }

  /// The same inputs on every rank, of which each has its run of tokens.
  private List<MoeCall> calls(int tokens, Arena arena) {
    int first = processes.firstToken(tokens, ranks.rank());
    int own = processes.firstToken(tokens, ranks.rank() + 1) - first;
    long row = layers.getFirst().hidden() * (long) Float.BYTES;
    long pairs = layers.getFirst().topK() * (long) Integer.BYTES;
    List<MoeCall> calls = new ArrayList<>();
    for (BenchInputs.Input input : new BenchInputs(layers, expertsOnly, arena).make(tokens)) {
      MemorySegment output = arena.allocate(Math.max(1, own * row), 64).asSlice(0, own * row);
      MoeCall call =
          new MoeCall().hidden(input.hidden().asSlice(first * row, own * row), own).output(output);
      long key = Integer.BYTES;
      input
          .keys()
          .forEach((region, all) -> call.memory(region, all.asSlice(first * key, own * key)));
      long states = layers.getFirst().routerStates() * (long) Float.BYTES;
      call.routerStates(arena.allocate(Math.max(1, own * states), 64).asSlice(0, own * states));
      BenchInputs.Routing routing = input.routing();
      if (routing != null) {
        call.routing(
            routing.ids().asSlice(first * pairs, own * pairs),
            routing.weights().asSlice(first * pairs, own * pairs));
      }
      calls.add(call);
    }
    return calls;
  }

  /// Steps for as long as is measured, on the clock of the first rank.
  private List<Step> steps(List<MoeCall> calls) {
    List<Step> steps = new ArrayList<>();
    long end = System.nanoTime() + (long) (seconds * 1e9);
    int next = 0;
    while (true) {
      boolean more = steps.size() < FEWEST_STEPS || System.nanoTime() < end;
      if (!Agreement.exchange(ranks, String.valueOf(more)).getFirst().equals("true")) {
        return steps;
      }
      MoeCall call = calls.get(next++ % calls.size());
      BenchMemory.ready(session.plan(), call);
      Traffic before = parallelism.traffic();
      long start = System.nanoTime();
      session.run(call);
      double micros = (System.nanoTime() - start) / 1e3;
      steps.add(ofAll(micros, parallelism.traffic().minus(before)));
    }
  }

  private Step ofAll(double micros, Traffic traffic) {
    double count = layers.size();
    String own =
        String.format(
            Locale.ROOT,
            "%s %s %s %s %d %d",
            micros / count,
            traffic.dispatchNanos() / 1e3 / count,
            traffic.expertNanos() / 1e3 / count,
            traffic.combineNanos() / 1e3 / count,
            traffic.messages(),
            traffic.bytes());
    double slowest = 0;
    double dispatch = 0;
    double experts = 0;
    double combine = 0;
    long messages = 0;
    long bytes = 0;
    for (String text : Agreement.exchange(ranks, own)) {
      String[] fields = text.split(" ", -1);
      slowest = Math.max(slowest, Double.parseDouble(fields[0]));
      dispatch = Math.max(dispatch, Double.parseDouble(fields[1]));
      experts = Math.max(experts, Double.parseDouble(fields[2]));
      combine = Math.max(combine, Double.parseDouble(fields[3]));
      messages += Long.parseLong(fields[4]);
      bytes += Long.parseLong(fields[5]);
    }
    return new Step(slowest, dispatch, experts, combine, messages, bytes);
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }
}
