package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.explain.Explanation;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The pipelines of [RandomPlansTest] that host memory can hold, carried out by the oracle in the
/// checked mode; as many as [RandomPlansTest] with `-P plans`.
@Tag("plans")
class RandomPlansRunTest {
  private static final int RUNS = Integer.getInteger("plans", 150);
  private static final Backend REFERENCE = Backends.require("reference");

  static IntStream seeds() {
    return IntStream.iterate(0, seed -> seed + 1)
        .filter(seed -> RandomPipeline.of(seed).isForHost())
        .limit(RUNS);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void aliasedRunsEqualUnaliasedOnesBitByBit(int seed) {
    MoePlan plan = RandomPipeline.of(seed).sanitized().plan(AliasMode.AUTO);
    int most = plan.options().maxTokens();
    try (Session aliased = REFERENCE.prepare(plan);
        Session unaliased = aliased.fork(plan.unaliased())) {
      for (int place = 0; place < plan.layers().size(); place++) {
        for (int tokens : new int[] {most, 1, Math.ceilDiv(most, 2), most}) {
          RandomCall call = new RandomCall(plan, place, tokens, seed);
          assertThat(call.run(aliased))
              .as("seed %d, layer %d, %d tokens", seed, place, tokens)
              .isEqualTo(call.run(unaliased));
        }
      }
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void copiesAndTasksAreThoseThatThePlanCounts(int seed) {
    for (AliasMode mode : new AliasMode[] {AliasMode.AUTO, AliasMode.OFF}) {
      MoePlan plan = RandomPipeline.of(seed).plan(mode);
      int tokens = plan.options().chunkTokens();
      try (Session session = REFERENCE.prepare(plan)) {
        for (int place = 0; place < plan.layers().size(); place++) {
          new RandomCall(plan, place, tokens, seed).run(session);
        }
        assertThat(session.copies())
            .as("seed %d, alias %s", seed, mode)
            .isEqualTo(Explanation.of(plan, tokens).copiesPerStep());
        assertThat(session.tasks())
            .as("seed %d, alias %s", seed, mode)
            .isEqualTo(plan.bucket(tokens).steps().size());
      }
    }
  }

  /// Otherwise the tests above would compare a run with itself.
  @Test
  void manyOfThemAreAliased() {
    assertThat(
            seeds()
                .mapToObj(seed -> RandomPipeline.of(seed).plan(AliasMode.AUTO).buckets().getLast())
                .filter(bucket -> bucket.decisions().getFirst().aliased())
                .count())
        .isGreaterThan(RUNS / 5);
  }
}
