package dev.tornadomoe.plan.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.PlanException;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The number this project is about: 48 layers, 48 copies per step without the alias, none with.
class CopiesPerStepTest {
  private static final int HIDDEN = 24;
  private static final List<MoeLayer> LAYERS = SeededLayers.of(HIDDEN, 10, 6, 2).int4().layers(48);

  private static MoePlan plan(AliasMode mode) {
    return Planner.builder().outputAliasing(mode).build().plan(LAYERS);
  }

  @ParameterizedTest
  @CsvSource({"1, 4608", "4, 18432", "33, 152064"})
  void fortyEightWithoutAliasAndNoneWithIt(int tokens, long bytes) {
    Explanation off = Explanation.of(plan(AliasMode.OFF), tokens);
    Explanation on = Explanation.of(plan(AliasMode.AUTO), tokens);

    assertThat(off.copiesPerStep()).isEqualTo(48);
    // 48 layers of M rows of 24 floats.
    assertThat(off.copiedBytes()).isEqualTo(bytes).isEqualTo(48L * tokens * HIDDEN * 4);
    assertThat(on.copiesPerStep()).isZero();
    assertThat(on.copiedBytes()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 33})
  void aliasedPlanStillKnowsWhatItSaves(int tokens) {
    Explanation on = Explanation.of(plan(AliasMode.AUTO), tokens);

    assertThat(on.copiesPerStepBefore()).isEqualTo(48);
    assertThat(on.copiedBytesBefore()).isEqualTo(48L * tokens * HIDDEN * 4);
  }

  @Test
  void eachChunkCopiesItsPart() {
    Planner.Builder options = Planner.builder().maxTokens(20).chunkTokens(8);
    Explanation off =
        Explanation.of(options.outputAliasing(AliasMode.OFF).build().plan(LAYERS), 20);

    assertThat(off.copiesPerStep()).isEqualTo(3 * 48);
    assertThat(off.copiedBytes()).isEqualTo(48L * 20 * HIDDEN * 4);
  }

  @Test
  void lastChunkIsCountedByItsOwnPlan() {
    // Ten chunks of 8 and one of 2: hybrid experts plan up to 4 tokens apart.
    MoePlan plan = Planner.builder().maxTokens(100).chunkTokens(8).build().plan(LAYERS);

    assertThat(plan.bucket(2)).isNotEqualTo(plan.bucket(8));
    assertThat(Explanation.of(plan, 82).copiedBytesBefore()).isEqualTo(48L * 82 * HIDDEN * 4);
    assertThat(Explanation.of(plan, 82).copiesPerStepBefore()).isEqualTo(11 * 48);
    assertThat(Explanation.of(plan, 82).text())
        .contains(
            "cut into 10 chunks of 8 tokens and one of 2; the steps below are a full chunk's");
    assertThat(Explanation.of(plan, 80).text())
        .contains("cut into 10 chunks of 8 tokens; the steps");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 65, Integer.MAX_VALUE})
  void explainsNoCallThatCannotBe(int tokens) {
    assertThatThrownBy(() -> Explanation.of(plan(AliasMode.AUTO), tokens))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining(Integer.toString(tokens));
  }

  @Test
  void shortOutputIsCopiedWithHalfTheBytesOrRoundedInTheSum() {
    Planner.Builder planner = Planner.builder().outputType(DType.BF16);
    Explanation rounded = Explanation.of(planner.build().plan(LAYERS), 2);
    Explanation copied =
        Explanation.of(planner.outputAliasing(AliasMode.OFF).build().plan(LAYERS), 2);

    assertThat(rounded.copiesPerStep()).isZero();
    assertThat(rounded.copiedBytesBefore()).isEqualTo(48L * 2 * HIDDEN * 2);
    assertThat(copied.copiesPerStep()).isEqualTo(48);
    assertThat(copied.copiedBytes()).isEqualTo(48L * 2 * HIDDEN * 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"AUTO", "OFF"})
  void layersShareOneWorkspace(AliasMode mode) {
    MoePlan one = Planner.builder().outputAliasing(mode).build().plan(LAYERS.getFirst());
    MoePlan all = plan(mode);

    assertThat(all.workspaceBytes()).isEqualTo(one.workspaceBytes());
    assertThat(all.bucket(64).baseline().workspaceBytes())
        .isEqualTo(48 * one.bucket(64).baseline().workspaceBytes());
  }

  @Test
  void withoutReuseTheWorkspaceGrowsWithTheLayers() {
    Planner apart = Planner.builder().workspaceReuse(false).build();

    assertThat(apart.plan(LAYERS).workspaceBytes())
        .isEqualTo(48 * apart.plan(LAYERS.getFirst()).workspaceBytes());
  }

  @Test
  void largestLayerDecidesTheWorkspace() {
    MoeLayer small = SeededLayers.of(HIDDEN, 4, 6, 2).layer();
    MoeLayer large = SeededLayers.of(HIDDEN, 90, 6, 2).index(1).layer();
    Planner planner = Planner.builder().build();

    assertThat(planner.plan(List.of(small, large, small)).workspaceBytes())
        .isEqualTo(planner.plan(large).workspaceBytes());
  }

  @Test
  void aliasSavesTheRowsOfFusedOut() {
    MoePlan off =
        Planner.builder().workspaceReuse(false).outputAliasing(AliasMode.OFF).build().plan(LAYERS);
    MoePlan on = Planner.builder().workspaceReuse(false).build().plan(LAYERS);

    // 64 rows of 24 floats are a multiple of 64 bytes.
    assertThat(off.workspaceBytes() - on.workspaceBytes()).isEqualTo(48L * 64 * HIDDEN * 4);
  }
}
