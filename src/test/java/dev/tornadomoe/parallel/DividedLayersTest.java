package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.PlanException;
import dev.tornadomoe.plan.ReasonCode;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.plan.explain.Explanation;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/// What ranks plan and load of a layer whose experts are divided, and what they refuse.
class DividedLayersTest {

  /// A weight of another rank's.
  private record Others(Weight weight) implements Weight {
    @Override
    public String name() {
      return weight.name();
    }

    @Override
    public int rows() {
      return weight.rows();
    }

    @Override
    public int columns() {
      return weight.columns();
    }

    @Override
    public WeightFormat format() {
      return weight.format();
    }

    @Override
    public long bytesToLoad() {
      throw new AssertionError(name());
    }

    @Override
    public WeightMatrix load(Arena arena) {
      throw new AssertionError(name());
    }
  }

  private static Mlp others(Mlp expert) {
    return new Mlp(
        new Others(Objects.requireNonNull(expert.gate())),
        new Others(expert.up()),
        new Others(expert.down()),
        expert.gateBias(),
        expert.upBias(),
        expert.downBias());
  }

  @Test
  void aRankLoadsItsOwnExpertsOnly() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    List<Mlp> experts = new ArrayList<>(layer.experts().local());
    experts.replaceAll(DividedLayersTest::others);
    experts.set(1, layer.experts().local().get(1));
    experts.set(4, layer.experts().local().get(4));
    MoeLayer mostlyOthers =
        MoeLayer.of(
            0,
            Objects.requireNonNull(layer.router()),
            ExpertWeights.of(experts, layer.experts().activation()),
            null);
    List<List<Integer>> ofRanks = List.of(List.of(4, 1), List.of(0, 2, 3));
    ThreadRanks.run(
        2,
        rank -> {
          ExpertParallelism job =
              ExpertParallelism.over(rank).placement(any -> ExpertPlacement.of(5, ofRanks)).build();
          MoePlan plan =
              ExpertParallelismTest.plan(
                  job, rank.rank() == 0 ? mostlyOthers : layer, options -> options);
          Backends.require("cpu").prepare(plan).close();
          return job;
        });
  }

  @Test
  void outputIsWrittenByTheReductionAndNotCopied() {
    MoeLayer layer = RandomLayer.of(ExpertParallelismTest.INT4, 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism job = ExpertParallelism.over(rank).build();
          MoePlan plan =
              ExpertParallelismTest.plan(job, layer, options -> options.residual(Residual.GIVEN));
          assertThat(Explanation.of(plan, 1).text()).contains("NONLOCAL_FINALIZE");
          assertThat(plan.bucket(1).decisions().getFirst().reasons())
              .extracting(reason -> reason.code())
              .contains(ReasonCode.NONLOCAL_FINALIZE);
          assertThat(plan.bucket(1).copies()).isZero();
          assertThatThrownBy(() ->
                  ExpertParallelismTest.plan(
                      job, layer, options -> options.outputAliasing(AliasMode.REQUIRE)))
              .isInstanceOf(PlanException.class)
              .hasMessageContaining("other processes");
          return plan;
        });
  }

  @Test
  void ranksThatDifferRefuseToStart() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    MoeLayer other =
        RandomLayer.of(LayerSpec.odd().sized(64, 40, 5, TopKGating.softmax(3, true)), 5);
    assertThatThrownBy(() ->
            ThreadRanks.run(
                3,
                rank -> {
                  ExpertParallelism job = ExpertParallelism.over(rank).build();
                  job.agree(List.of(rank.rank() == 2 ? other : layer), Map.of());
                  return job;
                }))
        .isInstanceOf(ParallelException.class)
        .hasMessageContaining("rank 2 has layer 3 H 64")
        .hasMessageContaining("rank 0 has layer 3 H 96");
    assertThatThrownBy(() ->
            ThreadRanks.run(
                2,
                rank -> {
                  ExpertParallelism job = ExpertParallelism.over(rank).build();
                  job.agree(List.of(layer), Map.of("model", "m" + rank.rank()));
                  return job;
                }))
        .hasMessage(
            "ranks differ: rank 1 has model m1, rank 0 has model m0; all must run the same layers"
                + " of the same model with the same options");
  }

  @Test
  void whatCantBeDividedIsRefused() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 5);
    ThreadRanks.run(
        1,
        rank -> {
          ExpertParallelism six =
              ExpertParallelism.over(rank)
                  .placement(any -> ExpertPlacement.contiguous(6, 1))
                  .build();
          assertThatThrownBy(() -> six.part(layer))
              .hasMessage(
                  "layer 3 has 5 experts on 1 ranks, the placement is for 6 experts on 1 ranks");
          ExpertParallelism job = ExpertParallelism.over(rank).build();
          assertThatThrownBy(
                  () -> ExpertParallelismTest.plan(job, layer, options -> options.chunkTokens(4)))
              .isInstanceOf(PlanException.class)
              .hasMessageContaining("in chunks");
          assertThatThrownBy(() ->
                  ExpertParallelismTest.plan(job, layer, options -> options.maxTokens(1 << 24)))
              .isInstanceOf(PlanException.class)
              .hasMessageContaining("at most 2147483647 can be sent at once");
          return job;
        });
  }
}
