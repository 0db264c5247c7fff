package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.modular.StubExperts;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A hazard names the triple: the value and where it is defined, who reads it, and who wrote over
/// it before.
class AliasHazardTest {
  private static final MoeLayer LAYER = SeededLayers.small();

  @Test
  void expertsThatReadHiddenStatesInALaterStep() {
    AliasDecision.Reason reason =
        onlyReason(plan(StubExperts.of(StubBody.lateReader()), inPlace()));

    assertThat(reason.code()).isEqualTo(ReasonCode.INPUT_READ_AFTER_WRITE);
    assertThat(reason.hazard())
        .isEqualTo(
            new Hazard(
                "hidden", "the caller", "input again", Phase.EXPERTS, "from scratch", false));
    assertThat(reason.toString())
        .contains(
            "hidden (defined by the caller) is read by \"input again\" after \"from scratch\""
                + " wrote over it");
  }

  @Test
  void promiseDoesNotHideADeclaredLateRead() {
    StubExperts lying =
        StubExperts.of(StubBody.lateReader()).with(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);

    assertThat(onlyReason(plan(lying, inPlace())).code())
        .isEqualTo(ReasonCode.INPUT_READ_AFTER_WRITE);
  }

  @Test
  void expertsThatReadHiddenStatesWhileTheyWrite() {
    AliasDecision.Reason reason = onlyReason(plan(StubExperts.of(StubBody.oneStep()), inPlace()));

    assertThat(reason.code()).isEqualTo(ReasonCode.INPUT_READ_AFTER_WRITE);
    assertThat(reason.hazard())
        .isEqualTo(new Hazard("hidden", "the caller", "one step", Phase.EXPERTS, "one step", true));
    assertThat(reason.toString()).contains("is read by \"one step\" while that writes over it");
  }

  @Test
  void zeroingForAccumulatingExpertsCountsAsTheFirstWrite() {
    StubExperts adding =
        StubExperts.of(StubBody.accumulating()).with(Capability.ACCUMULATES_INTO_OUTPUT);

    assertThat(onlyReason(plan(adding, inPlace())).hazard())
        .isEqualTo(new Hazard("hidden", "the caller", "accumulate", Phase.EXPERTS, "zero", false));
  }

  @Test
  void finalizeThatReadsHiddenStatesAfterTheExperts() {
    StubEnds auditing = StubEnds.standard().auditing(StubEnds.Audit.FIRST);
    AliasDecision.Reason reason =
        onlyReason(plan(auditing, StubExperts.of(StubBody.twoSteps()), inPlace()));

    assertThat(reason.code()).isEqualTo(ReasonCode.INPUT_STILL_LIVE);
    assertThat(reason.hazard())
        .isEqualTo(
            new Hazard("hidden", "the caller", "audit", Phase.FINALIZE, "from scratch", false));
  }

  @Test
  void laterReaderOfHiddenStatesIsNoHazardWhenTheOutputIsElsewhere() {
    StubEnds auditing = StubEnds.standard().auditing(StubEnds.Audit.LAST);

    assertThat(plan(auditing, StubExperts.of(StubBody.lateReader()), Planner.builder()).aliased())
        .isTrue();
  }

  @Test
  void residualInTheOutputThatIsAddedAfterTheExpertsOverwroteIt() {
    AliasDecision.Reason reason =
        onlyReason(
            plan(
                StubExperts.of(StubBody.twoSteps()),
                Planner.builder().residual(Residual.IN_OUTPUT)));

    assertThat(reason.code()).isEqualTo(ReasonCode.WRITE_MODE_CONFLICT);
    assertThat(reason.hazard())
        .isEqualTo(
            new Hazard(
                "residual", "the caller", "add residual", Phase.FINALIZE, "from scratch", false));
  }

  @Test
  void residualThatCantBeFoldedPastTheSharedExpertsAddition() {
    // The stub's step can add nothing, so neither the shared expert's rows nor the residual fold.
    MoeLayer shared = SeededLayers.of(8, 6, 4, 2).shared(5, false).layer();
    AliasDecision decision =
        decision(
            shared,
            new ModularMoe(new LocalPrepareAndFinalize(), StubExperts.of(StubBody.twoSteps())),
            Planner.builder().residual(Residual.IN_OUTPUT));

    assertThat(decision.reason()).isEqualTo(ReasonCode.WRITE_MODE_CONFLICT);
  }

  @Test
  void hiddenStatesAsTheirOwnResidualAreLegalWhenTheLastStepAddsThem() {
    AliasDecision decision = plan(new FusedExperts(), inPlace().residual(Residual.IN_OUTPUT));

    assertThat(codes(decision)).containsExactly(ReasonCode.ALIASED, ReasonCode.INPLACE_OK);
  }

  @Test
  void bothHazardsAreReportedWhenBothOccur() {
    AliasDecision decision =
        plan(StubExperts.of(StubBody.lateReader()), inPlace().residual(Residual.IN_OUTPUT));

    assertThat(codes(decision))
        .containsExactly(ReasonCode.INPUT_READ_AFTER_WRITE, ReasonCode.WRITE_MODE_CONFLICT);
    assertThat(decision.reasons()).allSatisfy(reason -> assertThat(reason.hazard()).isNotNull());
  }

  @Test
  void refusedHazardStillGivesTheCallerTheOutput() {
    BucketPlan bucket =
        inPlace()
            .modularMoe(
                new ModularMoe(
                    new LocalPrepareAndFinalize(), StubExperts.of(StubBody.lateReader())))
            .build()
            .plan(LAYER)
            .bucket(3);

    assertThat(bucket.copies()).isEqualTo(1);
    assertThat(bucket.buffer(0, Operand.FUSED_OUT).isCallers()).isFalse();
    assertThat(bucket.buffer(0, Operand.HIDDEN).location())
        .isEqualTo(bucket.buffer(0, Operand.OUTPUT).location());
  }

  private static Planner.Builder inPlace() {
    return Planner.builder().inPlace(true);
  }

  private static AliasDecision plan(Experts experts, Planner.Builder planner) {
    return plan(new LocalPrepareAndFinalize(), experts, planner);
  }

  private static AliasDecision plan(
      PrepareAndFinalize prepareAndFinalize, Experts experts, Planner.Builder planner) {
    return decision(LAYER, new ModularMoe(prepareAndFinalize, experts), planner);
  }

  private static AliasDecision decision(
      MoeLayer layer, ModularMoe modularMoe, Planner.Builder planner) {
    return planner.modularMoe(modularMoe).build().plan(layer).bucket(3).decisions().getFirst();
  }

  private static AliasDecision.Reason onlyReason(AliasDecision decision) {
    assertThat(decision.aliased()).isFalse();
    assertThat(decision.reasons()).hasSize(1);
    return decision.reasons().getFirst();
  }

  private static List<ReasonCode> codes(AliasDecision decision) {
    return decision.reasons().stream().map(AliasDecision.Reason::code).toList();
  }
}
