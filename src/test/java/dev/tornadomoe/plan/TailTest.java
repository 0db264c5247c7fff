package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Layers that write the next norm's rows too.
class TailTest {
  private static final RmsNorm NORM = new RmsNorm(1e-6f);
  private static final MoeLayer LAYER = SeededLayers.of(8, 6, 4, 2).layer();

  private static Planner.Builder planner() {
    return Planner.builder().maxTokens(9).tail(Residual.GIVEN, NORM);
  }

  private static String lastSteps(BucketPlan bucket) {
    return String.join(
        " | ",
        bucket.steps().stream()
            .filter(step -> step.phase() == Phase.FINALIZE || step.phase() == Phase.EXPERTS)
            .map(step -> step.operation().name())
            .toList()
            .reversed()
            .subList(0, 2));
  }

  @Test
  void sumsWithoutTheDownProjectionHaveTheNormInThem() {
    MoePlan plan = planner().build().plan(LAYER);

    assertThat(lastSteps(plan.bucket(9)))
        .isEqualTo("weight + reduce + residual, rms norm | grouped down");
    assertThat(lastSteps(plan.bucket(1))).isEqualTo("rms norm | down + weight + reduce + residual");
  }

  @Test
  void nothingIsFoldedWhereThatIsSwitchedOff() {
    MoePlan plan = planner().foldAdditions(false).outputAliasing(AliasMode.OFF).build().plan(LAYER);

    assertThat(lastSteps(plan.bucket(9))).isEqualTo("copy | rms norm");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 9})
  void theAliasHolds(int tokens) {
    BucketPlan bucket = planner().requireAlias(true).build().plan(LAYER).bucket(tokens);

    assertThat(bucket.buffer(0, Operand.FUSED_OUT)).isEqualTo(bucket.buffer(0, Operand.OUTPUT));
    assertThat(bucket.buffer(0, Operand.NORMED).isCallers()).isTrue();
  }

  /// A norm of its own reads finished rows, so these stay F32 until they are copied; one inside the
  /// sum has them before they are rounded.
  @ParameterizedTest
  @CsvSource({
    "hybrid, 1, copy | rms norm",
    "hybrid, 9, 'weight + reduce + residual, rms norm | grouped down'",
    "unreduced, 1, 'weight + reduce + residual, rms norm | grouped down'"
  })
  void theNormIsOfTheRowsBeforeTheyAreRounded(String experts, int tokens, String last) {
    BucketPlan bucket =
        planner()
            .outputType(DType.BF16)
            .modularMoe(ExpertsCatalog.named(experts))
            .build()
            .plan(LAYER)
            .bucket(tokens);

    assertThat(lastSteps(bucket)).isEqualTo(last);
    assertThat(bucket.buffer(0, Operand.NORMED).dtype()).isEqualTo(DType.BF16);
  }

  @Test
  void refusesTheNormOfAPartOfTheSum() {
    MoeLayer part = SeededLayers.of(8, 6, 4, 2).map(0, -1, -1, 1).layer();

    assertThatThrownBy(() -> planner().build().plan(part))
        .isInstanceOf(PlanException.class)
        .hasMessage(
            "layer 0: only 2 of 4 experts are here, so its rows are a part of the sum, and the norm"
                + " that the tail writes is of the whole");
    ModularMoe gathering =
        new ModularMoe(StubEnds.standard().nonLocal(), StubExperts.of(StubBody.twoSteps()));
    assertThat(planner().modularMoe(gathering).build().plan(part).buckets()).isNotEmpty();
  }

  /// Each part would have it.
  @Test
  void refusesTheBiasBehindALatentProjectionOfAPartOfTheSum() {
    LayerSpec spec = LayerSpec.odd().withLatent(24);
    MoeLayer biased = RandomLayer.of(spec.withBiases(), 1);
    int[] map = new int[biased.globalExperts()];
    Arrays.fill(map, -1);
    map[0] = 0;
    ExpertMap one = ExpertMap.of(map);

    assertThatThrownBy(() -> Planner.builder().build().plan(biased.withExpertMap(one)))
        .isInstanceOf(PlanException.class)
        .hasMessageEndingWith(
            " experts are here, so its rows are a part of the sum, and the bias behind the latent"
                + " projection is of the whole");
    MoeLayer plain = RandomLayer.of(spec, 1).withExpertMap(one);
    assertThat(Planner.builder().build().plan(plain).buckets()).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(floats = {0f, -1e-6f, Float.NaN, Float.POSITIVE_INFINITY})
  void refusesEpsilonsThatAreNone(float epsilon) {
    assertThatThrownBy(() -> new RmsNorm(epsilon))
        .isInstanceOf(LayerException.class)
        .hasMessageContaining("above 0, found " + epsilon);
  }
}
