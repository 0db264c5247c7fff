package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.tornadomoe.modular.Capability;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Eight hundred seeded pipelines; `mvn -P plans -pl src -am test` takes five thousand.
@Tag("plans")
class RandomPlansTest {
  private static final int PIPELINES = Integer.getInteger("plans", 800);

  static IntStream seeds() {
    return IntStream.range(0, PIPELINES);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void passTheVerifier(int seed) {
    RandomPipeline pipeline = RandomPipeline.of(seed);
    for (AliasMode mode : EnumSet.of(AliasMode.AUTO, AliasMode.OFF)) {
      MoePlan plan = pipeline.plan(mode);
      for (BucketPlan bucket : plan.buckets()) {
        assertThatCode(() -> PlanVerifier.verify(bucket, capabilities(plan)))
            .as("seed %d, alias %s", seed, mode)
            .doesNotThrowAnyException();
      }
    }
  }

  /// Finds what the verifier might share a blind spot with the passes about: it does not look at
  /// reads and overwrites, but at which value ends in the output.
  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void giveTheOutputsOfAPlanInWhichNothingSharesMemory(int seed) {
    MoePlan plan = RandomPipeline.of(seed).plan(AliasMode.AUTO);
    List<BucketPlan> unaliased = plan.unaliased().buckets();
    boolean promised =
        plan.modularMoe(0)
            .experts()
            .capabilities()
            .contains(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);

    for (int i = 1; i < plan.buckets().size(); i++) {
      assertThat(SymbolicRun.agrees(plan.buckets().get(i), unaliased.get(i), promised))
          .as("seed %d, bucket %d", seed, i)
          .isTrue();
      assertThat(SymbolicRun.agrees(unaliased.get(i), unaliased.get(i), promised))
          .as("seed %d, bucket %d, unaliased", seed, i)
          .isTrue();
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void copyOnceLessForEachAlias(int seed) {
    MoePlan plan = RandomPipeline.of(seed).plan(AliasMode.AUTO);
    List<BucketPlan> unaliased = plan.unaliased().buckets();

    for (int i = 0; i < plan.buckets().size(); i++) {
      BucketPlan bucket = plan.buckets().get(i);
      long aliases = bucket.decisions().stream().filter(AliasDecision::aliased).count();
      assertThat(bucket.copies())
          .as("seed %d", seed)
          .isEqualTo(unaliased.get(i).copies() - (int) aliases);
      assertThat(bucket.baseline()).as("seed %d", seed).isEqualTo(unaliased.get(i).baseline());
    }
  }

  @Test
  void coverEveryReason() {
    Set<ReasonCode> seen = EnumSet.noneOf(ReasonCode.class);
    IntStream.range(0, 800)
        .mapToObj(RandomPipeline::of)
        .flatMap(pipeline -> pipeline.plan(AliasMode.AUTO).buckets().stream())
        .flatMap(bucket -> bucket.decisions().stream())
        .flatMap(decision -> decision.reasons().stream())
        .forEach(reason -> seen.add(reason.code()));

    // Switched off is what the unaliased plans are.
    assertThat(seen)
        .containsExactlyInAnyOrderElementsOf(
            EnumSet.complementOf(EnumSet.of(ReasonCode.DISABLED_BY_USER)));
  }

  private static List<Set<Capability>> capabilities(MoePlan plan) {
    return IntStream.range(0, plan.layers().size())
        .mapToObj(layer -> plan.modularMoe(layer).experts().capabilities())
        .toList();
  }
}
