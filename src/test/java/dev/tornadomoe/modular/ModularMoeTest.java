package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ModularMoeTest {
  private static final StubExperts ROWS = StubExperts.of(StubBody.oneStep());

  @Test
  void refusesBatchedExpertsBehindStandardPrepare() {
    assertThatThrownBy(() -> new ModularMoe(new LocalPrepareAndFinalize(), new BatchedExperts()))
        .isInstanceOf(ModularException.class)
        .isInstanceOf(MoeException.class)
        .hasMessage(
            "prepare/finalize \"local\" hands out the STANDARD format, but experts \"batched\" take"
                + " the BATCHED format");
  }

  @Test
  void refusesStandardExpertsBehindBatchedPrepare() {
    assertThatThrownBy(() -> new ModularMoe(new BatchedPrepareAndFinalize(), new FusedExperts()))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"local, batched\"", "BATCHED", "\"fused\"", "STANDARD");
  }

  @Test
  void refusesDelegateThatNobodyResolves() {
    StubEnds lazy = StubEnds.standard().resolving(new TopKWeightAndReduce.Delegate());
    StubExperts experts = ROWS.named("leaving").leaving(new TopKWeightAndReduce.Delegate());

    assertThatThrownBy(() -> new ModularMoe(lazy, experts))
        .isInstanceOf(ModularException.class)
        .hasMessage(
            "experts \"leaving\" leave weighting and summing to prepare/finalize, but \"stub ends\""
                + " does not do it");
  }

  @Test
  void refusesNaiveBatchedWithStandardExperts() {
    StubExperts experts = ROWS.leaving(new TopKWeightAndReduce.NaiveBatched());

    assertThatThrownBy(() -> new ModularMoe(new LocalPrepareAndFinalize(), experts))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"stub\"", "STANDARD", "NaiveBatched");
  }

  static Stream<TopKWeightAndReduce> notForBatches() {
    return Stream.of(new TopKWeightAndReduce.NoOp(), new TopKWeightAndReduce.Contiguous());
  }

  @ParameterizedTest
  @MethodSource("notForBatches")
  void refusesBatchedExpertsWhoseBatchesNobodyCombines(TopKWeightAndReduce reduce) {
    StubExperts experts = ROWS.batched().leaving(reduce);

    assertThatThrownBy(() -> new ModularMoe(new BatchedPrepareAndFinalize(), experts))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"stub\"", "BATCHED", reduce.getClass().getSimpleName());
  }

  @Test
  void refusesAccumulatingExpertsThatLeaveTheReduction() {
    StubExperts experts =
        ROWS.with(Capability.ACCUMULATES_INTO_OUTPUT).leaving(new TopKWeightAndReduce.Contiguous());

    assertThatThrownBy(() -> new ModularMoe(new LocalPrepareAndFinalize(), experts))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"stub\"", "accumulate", "Contiguous");
  }

  @Test
  void refusesAccumulatingExpertsWhoseDelegateBecomesAReduction() {
    StubExperts experts =
        ROWS.with(Capability.ACCUMULATES_INTO_OUTPUT).leaving(new TopKWeightAndReduce.Delegate());

    assertThatThrownBy(() -> new ModularMoe(new LocalPrepareAndFinalize(), experts))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("accumulate", "Contiguous");
  }

  static Stream<Arguments> legal() {
    return Stream.of(
        pair(new LocalPrepareAndFinalize(), new FusedExperts(), new TopKWeightAndReduce.NoOp()),
        pair(new LocalPrepareAndFinalize(), new HybridExperts(), new TopKWeightAndReduce.NoOp()),
        pair(
            new LocalPrepareAndFinalize(),
            new UnreducedExperts(),
            new TopKWeightAndReduce.Contiguous()),
        pair(
            new BatchedPrepareAndFinalize(),
            new BatchedExperts(),
            new TopKWeightAndReduce.NaiveBatched()),
        pair(
            new LocalPrepareAndFinalize(),
            ROWS.leaving(new TopKWeightAndReduce.Delegate()),
            new TopKWeightAndReduce.Contiguous()),
        pair(
            StubEnds.standard().resolving(new TopKWeightAndReduce.NoOp()),
            ROWS.leaving(new TopKWeightAndReduce.Delegate()),
            new TopKWeightAndReduce.NoOp()),
        pair(
            new LocalPrepareAndFinalize(),
            ROWS.with(Capability.ACCUMULATES_INTO_OUTPUT),
            new TopKWeightAndReduce.NoOp()));
  }

  private static Arguments pair(
      PrepareAndFinalize prepareAndFinalize, Experts experts, TopKWeightAndReduce reduce) {
    return Arguments.of(prepareAndFinalize, experts, reduce);
  }

  @ParameterizedTest
  @MethodSource("legal")
  void finalizeCarriesOutTheResolvedReduction(
      PrepareAndFinalize prepareAndFinalize, Experts experts, TopKWeightAndReduce reduce) {
    assertThat(new ModularMoe(prepareAndFinalize, experts).reduce()).isEqualTo(reduce);
  }
}
