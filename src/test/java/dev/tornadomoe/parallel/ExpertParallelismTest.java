package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Experts divided among ranks, against all of them in one process.
class ExpertParallelismTest {
  static final int MOST_TOKENS = 33;
  static final int[] NONE = {};

  static final LayerSpec INT4 =
      LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)).withShared(24, true);

  static Stream<LayerSpec> layers() {
    return Stream.of(
        INT4,
        LayerSpec.odd().withBiases(),
        LayerSpec.odd().withIdentities(2),
        LayerSpec.odd().sized(64, 48, 4, TopKGating.softmax(1, false)).withWeightOnInput());
  }

  /// What a layer makes of some tokens in one process.
  static float[] alone(MoeLayer layer, float[] hidden) {
    MoePlan plan = Planner.builder().maxTokens(MOST_TOKENS).build().plan(layer);
    float[] output = new float[hidden.length];
    try (Session session = Backends.require("cpu").prepare(plan)) {
      session.run(Rows.of(hidden), hidden.length / layer.hidden(), Rows.of(output));
    }
    return output;
  }

  static MoePlan plan(
      ExpertParallelism job, MoeLayer layer, UnaryOperator<Planner.Builder> options) {
    return options
        .apply(Planner.builder().maxTokens(MOST_TOKENS).modularMoe(job::modularMoe))
        .build()
        .plan(job.part(layer));
  }

  /// One rank's share of the tokens, run in native memory.
  private static float[] run(Session session, int width, float[] hidden, int first, int end) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment input = arena.allocate(Math.max(1, (end - first) * width * 4L), 64);
      MemorySegment output = arena.allocate(Math.max(1, (end - first) * width * 4L), 64);
      long bytes = (end - first) * width * 4L;
      MemorySegment.copy(
          hidden, first * width, input, ValueLayout.JAVA_FLOAT, 0, (end - first) * width);
      session.run(input.asSlice(0, bytes), end - first, output.asSlice(0, bytes));
      return output.asSlice(0, bytes).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  static float[] together(
      int ranks,
      MoeLayer layer,
      float[] hidden,
      int[] firstTokens,
      UnaryOperator<ExpertParallelism.Builder> parallel,
      UnaryOperator<Planner.Builder> options) {
    List<float[]> outputs =
        ThreadRanks.run(
            ranks,
            rank -> {
              ExpertParallelism job = parallel.apply(ExpertParallelism.over(rank)).build();
              job.agree(List.of(layer), Map.of());
              MoePlan plan = plan(job, layer, options);
              try (Session session = Backends.require("cpu").prepare(plan)) {
                // A call before it, so that nothing lives on what the first has left.
                run(session, layer.hidden(), hidden, 0, Math.min(2, hidden.length));
                return run(
                    session,
                    layer.hidden(),
                    hidden,
                    firstTokens[rank.rank()],
                    firstTokens[rank.rank() + 1]);
              }
            });
    float[] all = new float[hidden.length];
    int at = 0;
    for (float[] output : outputs) {
      System.arraycopy(output, 0, all, at, output.length);
      at += output.length;
    }
    return all;
  }

  static int[] evenly(int tokens, int ranks) {
    int[] firsts = new int[ranks + 1];
    Arrays.setAll(firsts, rank -> tokens * rank / ranks);
    return firsts;
  }

  @ParameterizedTest
  @MethodSource("layers")
  void resultsDoNotDependOnTheNumberOfRanks(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    for (int tokens : new int[] {2, 3, 7, MOST_TOKENS}) {
      float[] hidden = Rows.random(tokens * layer.hidden(), 50 + tokens);
      float[] expected = alone(layer, hidden);
      for (int ranks = 1; ranks <= 4; ranks++) {
        float[] found =
            together(ranks, layer, hidden, evenly(tokens, ranks), job -> job, plan -> plan);
        assertThat(found).as("%s, %d tokens, %d ranks", spec, tokens, ranks).isEqualTo(expected);
      }
    }
  }

  @Test
  void ranksMayHaveNoTokens() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(6 * layer.hidden(), 6);
    float[] expected = alone(layer, hidden);
    for (int[] firsts : new int[][] {{0, 6, 6, 6}, {0, 0, 0, 6}, {0, 1, 1, 6}}) {
      assertThat(together(3, layer, hidden, firsts, job -> job, plan -> plan)).isEqualTo(expected);
    }
  }

  @Test
  void allTokensMayGoToOneRank() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    int[] ids = {0, 2, 1, 1, 0, 2, 2, 1, 0, 0, 1, 2}; // all of them rank 0's, of two
    float[] weights = Rows.random(ids.length, 8);
    float[] hidden = Rows.random(4 * layer.hidden(), 9);
    float[] expected = new float[hidden.length];
    Planner.Builder routed = Planner.builder().maxTokens(4).callerRoutes(true);
    try (Session session = Backends.require("cpu").prepare(routed.build().plan(layer))) {
      session.run(routedCall(layer, hidden, ids, weights, expected, 0, 4));
    }
    float[] found = new float[hidden.length];
    ThreadRanks.run(
        2,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).build();
          MoePlan plan = plan(job, layer, planner -> planner.callerRoutes(true));
          try (Session session = Backends.require("cpu").prepare(plan)) {
            int first = 2 * rank.rank();
            session.run(routedCall(layer, hidden, ids, weights, found, first, first + 2));
          }
          return job;
        });
    assertThat(found).isEqualTo(expected);
  }

  /// A call for a run of tokens, in the Java heap.
  private static MoeCall routedCall(
      MoeLayer layer,
      float[] hidden,
      int[] ids,
      float[] weights,
      float[] output,
      int first,
      int end) {
    long row = layer.hidden() * 4L;
    long pairs = layer.topK() * 4L;
    int count = end - first;
    return new MoeCall()
        .hidden(Rows.of(hidden).asSlice(first * row, count * row), count)
        .output(Rows.of(output).asSlice(first * row, count * row))
        .routing(
            Rows.of(ids).asSlice(first * pairs, count * pairs),
            Rows.of(weights).asSlice(first * pairs, count * pairs));
  }

  @Test
  void placementDoesNotChangeResults() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(9 * layer.hidden(), 6);
    float[] expected = alone(layer, hidden);
    List<ExpertPlacement> placements =
        List.of(
            ExpertPlacement.roundRobin(5, 3),
            ExpertPlacement.of(5, List.of(List.of(4), List.of(3, 0), List.of(2, 1))),
            ExpertPlacement.of(5, List.of(List.of(4, 1), List.of(3, 0, 4), List.of(2, 1, 4))));
    for (ExpertPlacement placement : placements) {
      assertThat(
              together(
                  3,
                  layer,
                  hidden,
                  evenly(9, 3),
                  job -> job.placement(any -> placement),
                  plan -> plan))
          .as("placement %s", placement)
          .isEqualTo(expected);
    }
  }

  @Test
  void sharedExpertsWhileRowsTravelOrAfterwards() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(5 * layer.hidden(), 6);
    assertThat(together(2, layer, hidden, evenly(5, 2), job -> job.overlap(false), plan -> plan))
        .isEqualTo(alone(layer, hidden));
    List<String> names =
        ThreadRanks.run(
            1,
            rank ->
                String.join(
                    ", ",
                    plan(ExpertParallelism.over(rank).build(), layer, p -> p)
                        .bucket(1)
                        .steps()
                        .stream()
                        .map(step -> step.operation().name())
                        .toList()));
    assertThat(names.getFirst())
        .isEqualTo(
            "router logits, select top-k, send rows, shared gate/up, shared down, receive rows,"
                + " group by expert, grouped gate/up, grouped down, combine, weight + reduce +"
                + " shared_out");
  }

  @Test
  void everyRunIsAudited() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(7 * layer.hidden(), 6);
    assertThat(together(3, layer, hidden, evenly(7, 3), job -> job, plan -> plan.sanitize(true)))
        .isEqualTo(alone(layer, hidden));
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT8", "FP8"})
  void shortRowsAreTheSameOnAnyNumberOfRanks(String format) {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(7 * layer.hidden(), 6);
    UnaryOperator<ExpertParallelism.Builder> shorter =
        job -> job.dispatch(DispatchFormat.valueOf(format));
    float[] one = together(1, layer, hidden, evenly(7, 1), shorter, plan -> plan);
    assertThat(together(3, layer, hidden, evenly(7, 3), shorter, plan -> plan)).isEqualTo(one);
    assertThat(rms(difference(one, alone(layer, hidden))) / rms(one))
        .isGreaterThan(1e-5)
        .isLessThan(format.equals("INT8") ? 1e-2 : 4e-2);
  }

  static float[] difference(float[] a, float[] b) {
    float[] difference = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      difference[i] = a[i] - b[i];
    }
    return difference;
  }

  static double rms(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares / values.length);
  }

  /// What each rank sends in one call with its ids.
  static List<Traffic> traffic(
      int ranks, MoeLayer layer, CombineMode mode, IntFunction<int[]> idsOfRank) {
    return ThreadRanks.run(
        ranks,
        rank -> {
          int[] ids = idsOfRank.apply(rank.rank());
          int tokens = ids.length / layer.topK();
          ExpertParallelism job = ExpertParallelism.over(rank).combine(mode).build();
          MoePlan plan = plan(job, layer, planner -> planner.maxTokens(2048).callerRoutes(true));
          try (Session session = Backends.require("cpu").prepare(plan)) {
            float[] hidden = Rows.random(tokens * layer.hidden(), 7);
            session.run(
                new MoeCall()
                    .hidden(Rows.of(hidden), tokens)
                    .output(Rows.of(new float[hidden.length]))
                    .routing(Rows.of(ids), Rows.of(new float[ids.length])));
          }
          return job.traffic();
        });
  }

  @Test
  void messagesAndBytesAreThoseOfTheRouting() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    int[] ids = {0, 1, 2, 2, 0, 1, 4, 3, 2, 0, 2, 4}; // 0 1 2 on rank 0 (0 1), 1 (2 3), 2 (4)
    List<Traffic> traffic = traffic(3, layer, CombineMode.PAIR, rank -> rank == 0 ? ids : NONE);
    long row = layer.hidden() * 4L;
    // Tokens 0, 1, 2 and 3 have experts 2 and 3 on rank 1; 2 and 3 have expert 4 on rank 2.
    assertThat(traffic.getFirst().messages()).isEqualTo(2);
    assertThat(traffic.getFirst().bytes()).isEqualTo((4 + 2) * (row + 3 * 4));
    // To both others that there is nothing for them, and results: token 2 has two experts there.
    assertThat(traffic.get(1).messages()).isEqualTo(2 + 1);
    assertThat(traffic.get(1).bytes()).isEqualTo(5 * row);
    assertThat(traffic.get(2).messages()).isEqualTo(2 + 1);
    assertThat(traffic.get(2).bytes()).isEqualTo(2 * row);
  }
}
