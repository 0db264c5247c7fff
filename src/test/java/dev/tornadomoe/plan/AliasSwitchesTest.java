package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AliasSwitchesTest {
  private static final MoeLayer LAYER = SeededLayers.of(8, 6, 4, 2).index(11).layer();

  private @Nullable String propertyBefore;

  @BeforeEach
  void remember() {
    propertyBefore = System.getProperty(Planner.ALIAS_PROPERTY);
    System.clearProperty(Planner.ALIAS_PROPERTY);
  }

  @AfterEach
  void restore() {
    if (propertyBefore == null) {
      System.clearProperty(Planner.ALIAS_PROPERTY);
    } else {
      System.setProperty(Planner.ALIAS_PROPERTY, propertyBefore);
    }
  }

  @Test
  void optionSwitchesAliasingOff() {
    AliasDecision decision = decide(Planner.builder().outputAliasing(AliasMode.OFF));

    assertThat(decision.aliased()).isFalse();
    assertThat(decision.explanation())
        .isEqualTo("DISABLED_BY_USER: output aliasing is switched off");
  }

  @ParameterizedTest
  @ValueSource(strings = {"off", "OFF", "Off"})
  void propertySwitchesAliasingOff(String value) {
    System.setProperty(Planner.ALIAS_PROPERTY, value);

    assertThat(decide(Planner.builder()).reason()).isEqualTo(ReasonCode.DISABLED_BY_USER);
  }

  @Test
  void otherValuesOfThePropertyChangeNothing() {
    System.setProperty(Planner.ALIAS_PROPERTY, "on");

    assertThat(decide(Planner.builder()).aliased()).isTrue();
  }

  @Test
  void propertyThatMeansNothingIsAnError() {
    System.setProperty(Planner.ALIAS_PROPERTY, "false");

    assertThatThrownBy(() -> Planner.builder().build())
        .isInstanceOf(PlanException.class)
        .hasMessage("-Dtornadomoe.alias=false: expected on or off");
  }

  @Test
  void expertsDecideForEachRangeOfTokens() {
    StubExperts fewOnly = StubExperts.of(StubBody.twoSteps()).pathLimits(4).aliasableUpTo(4);
    MoePlan plan =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), fewOnly))
            .build()
            .plan(LAYER);

    assertThat(plan.bucket(4).decisions().getFirst().reason()).isEqualTo(ReasonCode.ALIASED);
    assertThat(plan.bucket(5).decisions().getFirst().reason())
        .isEqualTo(ReasonCode.EXPERT_NOT_OPTED_IN);
  }

  @Test
  void propertyIsNamedAsDocumented() {
    assertThat(Planner.ALIAS_PROPERTY).isEqualTo("tornadomoe.alias");
  }

  @Test
  void propertyAgainstRequiredAliasIsAnError() {
    System.setProperty(Planner.ALIAS_PROPERTY, "off");

    assertThatThrownBy(() -> Planner.builder().requireAlias(true).build())
        .isInstanceOf(PlanException.class)
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll("required", "-Dtornadomoe.alias=off");
  }

  @Test
  void requiredAliasThatIsLegalIsPlanned() {
    assertThat(decide(Planner.builder().requireAlias(true)).aliased()).isTrue();
  }

  @Test
  void requiredAliasThatIsIllegalNamesLayerTokensAndEveryReason() {
    Planner planner =
        Planner.builder()
            .requireAlias(true)
            .maxTokens(16)
            .outputType(DType.BF16)
            .residual(Residual.GIVEN)
            .foldAdditions(false)
            .sharedOutput(true)
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessage(
            "layer 11, 1 to 4 tokens: the output alias is required but refused: "
                + "DTYPE_MISMATCH: the output has another element type than the experts write"
                + " (\"add residual\" adds to the rows, and BF16 would round their partial sums); "
                + "OUTPUT_NOT_EXCLUSIVE: somebody else may use the output while the call runs");
  }

  @Test
  void requiredAliasIsRequiredOfEveryLayer() {
    MoeLayer partial = SeededLayers.of(8, 6, 4, 2).index(12).map(-1, 0, -1, -1).layer();
    StubExperts notZeroing = StubExperts.of(StubBody.twoSteps());
    Planner planner =
        Planner.builder()
            .requireAlias(true)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), notZeroing))
            .build();

    assertThat(planner.plan(LAYER).bucket(1).decisions().getFirst().aliased()).isTrue();
    assertThatThrownBy(() -> planner.plan(List.of(LAYER, partial)))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 12", "EP_ROWS_NOT_ZEROED", "1 of 4 experts are here");
  }

  @Test
  void allReasonsAreCollected() {
    AliasDecision decision =
        decide(
            Planner.builder()
                .modularMoe(ExpertsCatalog.named("batched"))
                .outputAliasing(AliasMode.OFF)
                .outputType(DType.F16)
                .outputStride(9)
                .outputAlignment(1)
                .outputMemory(MemoryKind.DEVICE)
                .sharedOutput(true));

    assertThat(decision.reasons())
        .extracting(AliasDecision.Reason::code)
        .containsExactlyInAnyOrder(
            ReasonCode.DISABLED_BY_USER,
            ReasonCode.BATCHED_FORMAT,
            ReasonCode.REDUCE_ZEROES_FIRST,
            ReasonCode.EXPERT_NOT_OPTED_IN,
            ReasonCode.SHAPE_MISMATCH,
            ReasonCode.DTYPE_MISMATCH,
            ReasonCode.SHAPE_MISMATCH,
            ReasonCode.LAYOUT_MISMATCH,
            ReasonCode.MEMORY_KIND,
            ReasonCode.OUTPUT_NOT_EXCLUSIVE);
    assertThat(decision.explanation())
        .contains(
            "experts write [4, 64, 8], output is [64, 8]",
            "rows of 8 elements, output rows 9 apart",
            "aligned to 1 bytes, experts need 2",
            "experts write HOST memory, output is in DEVICE memory");
  }

  /// It reads the rows, and adds nothing to them.
  @Test
  void aNormInPlaceNeedsTheRowsBeforeTheyAreRounded() {
    MoeLayer normed = SeededLayers.of(8, 6, 4, 2).outputNorm().layer();
    MoePlan plan = Planner.builder().outputType(DType.BF16).build().plan(normed);

    assertThat(plan.bucket(1).decisions().getFirst().explanation())
        .contains("(\"output norm\" still needs the rows in F32, output is BF16)");
  }

  @Test
  void unaliasedPlanOfTheSameLayersHasNoAliasAndNoGuards() {
    MoePlan plan = Planner.builder().sanitize(true).build().plan(LAYER);
    MoePlan unaliased = plan.unaliased();

    assertThat(plan.bucket(1).decisions().getFirst().aliased()).isTrue();
    assertThat(unaliased.bucket(1).decisions().getFirst().reason())
        .isEqualTo(ReasonCode.DISABLED_BY_USER);
    assertThat(unaliased.layers()).isEqualTo(plan.layers());
    assertThat(unaliased.options().sanitize()).isFalse();
  }

  private static AliasDecision decide(Planner.Builder planner) {
    return planner.build().plan(LAYER).bucket(1).decisions().getFirst();
  }
}
