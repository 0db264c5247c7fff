package dev.tornadomoe.parallel;

import static dev.tornadomoe.parallel.ExpertParallelismTest.INT4;
import static dev.tornadomoe.parallel.ExpertParallelismTest.NONE;
import static dev.tornadomoe.parallel.ExpertParallelismTest.alone;
import static dev.tornadomoe.parallel.ExpertParallelismTest.difference;
import static dev.tornadomoe.parallel.ExpertParallelismTest.evenly;
import static dev.tornadomoe.parallel.ExpertParallelismTest.rms;
import static dev.tornadomoe.parallel.ExpertParallelismTest.together;
import static dev.tornadomoe.parallel.ExpertParallelismTest.traffic;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularException;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Travel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.explain.Explanation;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Sums that ranks send back, against all experts in one process.
class CombineByRankTest {
  private static final UnaryOperator<ExpertParallelism.Builder> BY_RANK =
      job -> job.combine(CombineMode.RANK);

  /// Sums of a few terms in F32, in another order.
  private static final double ERROR = 1e-6;

  static List<LayerSpec> layers() {
    return ExpertParallelismTest.layers().toList();
  }

  private static void assertNear(float[] found, float[] expected) {
    assertThat(rms(difference(found, expected)) / rms(expected)).isLessThan(ERROR);
  }

  @ParameterizedTest
  @MethodSource("layers")
  void sumsAreRightOnAnyNumberOfRanksAndRepeatable(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 3);
    for (int tokens : new int[] {2, 7, ExpertParallelismTest.MOST_TOKENS}) {
      float[] hidden = Rows.random(tokens * layer.hidden(), 50 + tokens);
      float[] expected = alone(layer, hidden);
      for (int ranks = 1; ranks <= 4; ranks++) {
        float[] found =
            together(ranks, layer, hidden, evenly(tokens, ranks), BY_RANK, plan -> plan);
        assertNear(found, expected);
        assertThat(together(ranks, layer, hidden, evenly(tokens, ranks), BY_RANK, plan -> plan))
            .as("%s, %d tokens, %d ranks, again", spec, tokens, ranks)
            .isEqualTo(found);
      }
    }
  }

  @Test
  void ranksMayHaveNoTokens() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(6 * layer.hidden(), 6);
    float[] expected = alone(layer, hidden);
    for (int[] firsts : new int[][] {{0, 6, 6, 6}, {0, 0, 0, 6}, {0, 1, 1, 6}}) {
      assertNear(together(3, layer, hidden, firsts, BY_RANK, plan -> plan), expected);
    }
  }

  /// An expert with several ranks is asked of one of them for each token.
  @Test
  void expertsMayStandWithSeveralRanks() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(9 * layer.hidden(), 6);
    ExpertPlacement placement =
        ExpertPlacement.of(5, List.of(List.of(4, 1), List.of(3, 0, 4), List.of(2, 1, 4)));
    assertNear(
        together(
            3,
            layer,
            hidden,
            evenly(9, 3),
            job -> job.combine(CombineMode.RANK).placement(any -> placement),
            plan -> plan),
        alone(layer, hidden));
  }

  @Test
  void everyRunIsAudited() {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(7 * layer.hidden(), 6);
    assertNear(
        together(3, layer, hidden, evenly(7, 3), BY_RANK, plan -> plan.sanitize(true)),
        alone(layer, hidden));
  }

  /// Rows are rounded before they travel, and their sums are not.
  @ParameterizedTest
  @EnumSource(
      value = DispatchFormat.class,
      names = {"INT8", "FP8"})
  void shortRowsAreRoundedAsTheyAreForPairs(DispatchFormat format) {
    MoeLayer layer = RandomLayer.of(INT4, 5);
    float[] hidden = Rows.random(7 * layer.hidden(), 6);
    UnaryOperator<ExpertParallelism.Builder> shorter = job -> job.dispatch(format);
    assertNear(
        together(
            3,
            layer,
            hidden,
            evenly(7, 3),
            job -> job.dispatch(format).combine(CombineMode.RANK),
            plan -> plan),
        together(3, layer, hidden, evenly(7, 3), shorter, plan -> plan));
  }

  @Test
  void aSumComesBackForEachTokenAndRank() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    int[] ids = {0, 1, 2, 2, 0, 1, 4, 3, 2, 0, 2, 4}; // 0 1 on rank 0, 2 3 on 1, 4 on 2
    List<Traffic> traffic = traffic(3, layer, CombineMode.RANK, rank -> rank == 0 ? ids : NONE);
    long row = layer.hidden() * 4L;
    // Tokens 0, 1, 2 and 3 have experts on rank 1; 2 and 3 on rank 2. Each pair has a weight, too.
    assertThat(traffic.getFirst().messages()).isEqualTo(2);
    assertThat(traffic.getFirst().bytes()).isEqualTo((4 + 2) * (row + 3 * 8));
    assertThat(traffic.get(1).messages()).isEqualTo(2 + 1);
    assertThat(traffic.get(1).bytes()).isEqualTo(4 * row);
    assertThat(traffic.get(2).messages()).isEqualTo(2 + 1);
    assertThat(traffic.get(2).bytes()).isEqualTo(2 * row);
  }

  private static Travel used(MoeLayer layer, CombineMode mode, int ranks, int tokens) {
    return ThreadRanks.run(
            ranks,
            rank -> {
              ExpertParallelism job = ExpertParallelism.over(rank).combine(mode).build();
              List<Travel> ways =
                  job.modularMoe(job.part(layer)).prepareAndFinalize().travel(tokens);
              assertThat(ways).filteredOn(Travel::used).hasSize(1);
              return ways.stream().filter(Travel::used).findFirst().orElseThrow();
            })
        .getFirst();
  }

  /// Tokens that choose all experts leave nothing to chance.
  @ParameterizedTest
  @EnumSource(CombineMode.class)
  void explainedBytesAreThoseThatTravel(CombineMode mode) {
    MoeLayer layer =
        RandomLayer.of(LayerSpec.odd().sized(32, 16, 5, TopKGating.softmax(5, true)), 7);
    int[] ids = IntStream.range(0, 4 * 5).map(pair -> (pair + pair / 5) % 5).toArray();
    Travel travel = used(layer, mode, 3, 4);
    assertThat(travel.way()).isEqualTo("combine " + mode.name().toLowerCase(Locale.ROOT));
    assertThat(travel.dispatchBytes() + travel.combineBytes())
        .isEqualTo(bytes(traffic(3, layer, mode, rank -> ids)));
  }

  @ParameterizedTest
  @EnumSource(CombineMode.class)
  void explainedBytesAreThoseOfRandomChoices(CombineMode mode) {
    MoeLayer layer =
        RandomLayer.of(LayerSpec.odd().sized(32, 16, 12, TopKGating.softmax(3, true)), 7);
    Travel travel = used(layer, mode, 3, 2048);
    double sent = bytes(traffic(3, layer, mode, rank -> chosen(2048, 12, 3, rank)));
    assertThat((travel.dispatchBytes() + travel.combineBytes()) / sent).isBetween(0.98, 1.02);
  }

  /// Some experts for each token, any as likely.
  private static int[] chosen(int tokens, int experts, int topK, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return IntStream.range(0, tokens)
        .flatMap(token -> random.ints(0, experts).distinct().limit(topK))
        .toArray();
  }

  private static long bytes(List<Traffic> traffic) {
    return traffic.stream().mapToLong(Traffic::bytes).sum();
  }

  @Test
  void explanationsShowBothWays() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    String text =
        ThreadRanks.run(
                2,
                rank -> {
                  ExpertParallelism job =
                      ExpertParallelism.over(rank).combine(CombineMode.RANK).build();
                  MoePlan plan = ExpertParallelismTest.plan(job, layer, options -> options);
                  Explanation explanation = Explanation.of(plan, 8);
                  return explanation.text() + explanation.json();
                })
            .getFirst();
    assertThat(text)
        .contains("combine pair  ", "combine rank (used)  ")
        .containsOnlyOnce("\"used\" : true")
        .contains("\"combine_bytes\" : ");
    MoePlan local = Planner.builder().build().plan(layer);
    assertThat(Explanation.of(local, 8).text()).doesNotContain("processes");
  }

  @ParameterizedTest
  @CsvSource({
    "RANK, unreduced, 'weight and sum, found ones that leave their rows'",
    "PAIR, fused, 'leave their rows, found ones that weight and sum'"
  })
  void expertsOfTheOtherWayAreRefused(CombineMode mode, String experts, String sentence) {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).combine(mode).build();
          PrepareAndFinalize ends = job.modularMoe(job.part(layer)).prepareAndFinalize();
          assertThatThrownBy(() -> new ModularMoe(ends, ExpertsCatalog.named(experts).experts()))
              .isInstanceOf(ModularException.class)
              .hasMessage(
                  "\"expert parallel, 1 rank\" that combines by %s needs experts that %s",
                  mode, sentence);
          return rank;
        });
  }

  @Test
  void ranksThatCombineInOtherWaysRefuseToStart() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    assertThatThrownBy(() ->
            ThreadRanks.run(
                2,
                rank -> {
                  CombineMode mode = CombineMode.values()[rank.rank()];
                  ExpertParallelism job = ExpertParallelism.over(rank).combine(mode).build();
                  job.agree(List.of(layer), Map.of());
                  return job;
                }))
        .isInstanceOf(ParallelException.class)
        .hasMessageContaining(
            "rank 1 has results combined by RANK, rank 0 has results combined by PAIR");
  }
}
