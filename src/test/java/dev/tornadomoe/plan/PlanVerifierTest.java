package dev.tornadomoe.plan;

import static dev.tornadomoe.modular.Operand.FUSED_OUT;
import static dev.tornadomoe.modular.Operand.HIDDEN;
import static dev.tornadomoe.modular.Operand.OUTPUT;
import static dev.tornadomoe.modular.Operand.ROUTER_LOGITS;
import static dev.tornadomoe.modular.Operand.TOPK_IDS;
import static dev.tornadomoe.modular.Operand.TOPK_WEIGHTS;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.tensor.DType;
import java.util.Collections;
import java.util.Locale;
import java.util.Set;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;

/// Real plans pass; each mutant is refused with the step and the buffer.
class PlanVerifierTest {
  private static final Operand ACTIVATED = new Operand("activated");
  private static final Operand PAIR_ORDER = new Operand("pair_order");

  /// 0 router logits, 1 select top-k, 2 group by expert, 3 grouped gate/up, 4 grouped down, 5
  /// weight + reduce, and 6 copy where it is not aliased.
  private static BucketPlan fused(Planner.Builder options) {
    return plan(options, new FusedExperts(), 1);
  }

  private static BucketPlan unaliased() {
    return fused(Planner.builder().outputAliasing(AliasMode.OFF));
  }

  private static BucketPlan plan(Planner.Builder options, Experts experts, int layers) {
    return options
        .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), experts))
        .maxTokens(8)
        .build()
        .plan(SeededLayers.of(8, 6, 4, 2).layers(layers))
        .bucket(8);
  }

  @Test
  void acceptsRealPlans() {
    assertThatCode(
            () -> {
              verify(unaliased());
              verify(fused(Planner.builder()));
              verify(fused(Planner.builder().inPlace(true).residual(Residual.IN_OUTPUT)));
              verify(plan(Planner.builder(), new FusedExperts(), 5));
            })
        .doesNotThrowAnyException();
  }

  @Test
  void refusesSlotOnALiveOne() {
    BucketPlan plan = unaliased();

    refused(PlanMutant.moved(plan, 0, ACTIVATED, plan.buffer(0, TOPK_IDS).location()))
        .hasMessageContainingAll("activated", "bytes");
  }

  @Test
  void refusesValueThatIsWrittenOverBeforeItIsRead() {
    BucketPlan plan = unaliased();
    Buffer.Slot weights = (Buffer.Slot) plan.buffer(0, TOPK_WEIGHTS).location();
    Buffer order = plan.buffer(0, PAIR_ORDER);

    // Both are 64 bytes; the weights are needed by the last reduction.
    refused(PlanMutant.moved(plan, 0, PAIR_ORDER, new Buffer.Slot(weights.offset(), order.bytes())))
        .hasMessage(
            "plan verifier: layer 0 topk_weights is read by step 5 \"weight + reduce\", but step 2"
                + " \"group by expert\" wrote layer 0 pair_order over it");
  }

  @Test
  void refusesReadAndWrittenBuffersOfOneStepInTheSameBytes() {
    BucketPlan plan = unaliased();

    refused(PlanMutant.moved(plan, 0, FUSED_OUT, plan.buffer(0, TOPK_WEIGHTS).location()))
        .hasMessageContainingAll("fused_out");
    Buffer.Slot rows = (Buffer.Slot) plan.buffer(0, new Operand("expert_rows")).location();
    refused(
            PlanMutant.moved(
                plan,
                0,
                FUSED_OUT,
                new Buffer.Slot(rows.offset(), plan.buffer(0, FUSED_OUT).bytes())))
        .hasMessageContainingAll(
            "step 5 \"weight + reduce\"", "layer 0 fused_out", "layer 0 expert_rows");
  }

  /// The F32 rows of these steps would have to be the BF16 output.
  @Test
  void refusesSumsInAShorterType() {
    BucketPlan adding =
        fused(
            Planner.builder().outputType(DType.BF16).residual(Residual.GIVEN).foldAdditions(false));
    refused(PlanMutant.bound(adding, 0, FUSED_OUT, adding.buffer(0, OUTPUT)))
        .hasMessage(
            "plan verifier: step 6 \"add residual\" takes layer 0 output for rows of F32, but it is"
                + " BF16");
    BucketPlan own =
        plan(Planner.builder().outputType(DType.F16), StubExperts.of(StubBody.oneStep()), 1);
    refused(PlanMutant.bound(own, 0, FUSED_OUT, own.buffer(0, OUTPUT)))
        .hasMessageContainingAll("\"one step\" takes layer 0 output for rows of F32", "F16");
  }

  @Test
  void refusesDroppedSteps() {
    refused(PlanMutant.without(unaliased(), "select top-k"))
        .hasMessage(
            "plan verifier: layer 0 topk_ids is read by step 1 \"group by expert\", but nothing has"
                + " written it");
    BucketPlan apart = fused(Planner.builder().outputAliasing(AliasMode.OFF).workspaceReuse(false));
    refused(PlanMutant.without(apart, "weight + reduce"))
        .hasMessage(
            "plan verifier: layer 0 fused_out is read by step 5 \"copy\", but nothing has written"
                + " it");
  }

  @Test
  void refusesPlanWhoseOutputNobodyWrites() {
    refused(PlanMutant.without(unaliased(), "copy"))
        .hasMessageContainingAll("layer 0 output", "the caller", "nothing has written it");
    refused(PlanMutant.without(fused(Planner.builder()), "weight + reduce"))
        .hasMessageContainingAll("layer 0 output", "the caller");
  }

  @Test
  void refusesSwappedSteps() {
    refused(PlanMutant.swapped(unaliased(), "group by expert", "grouped gate/up"))
        .hasMessageContainingAll("layer 0 pair_order", "step 2 \"grouped gate/up\"");
    refused(PlanMutant.swapped(unaliased(), "router logits", "select top-k"))
        .hasMessageContainingAll("layer 0 router_logits", "step 0 \"select top-k\"");
  }

  @Test
  void refusesOutputInTheWorkspace() {
    BucketPlan plan = fused(Planner.builder());
    Buffer.Slot free = new Buffer.Slot(0, plan.buffer(0, OUTPUT).bytes());

    // At its end, where no other buffer lives, so that only its place is wrong.
    BucketPlan larger = PlanMutant.workspace(plan, plan.workspaceBytes() + free.bytes());
    refused(
            PlanMutant.moved(
                larger, 0, OUTPUT, new Buffer.Slot(plan.workspaceBytes(), free.bytes())))
        .hasMessage(
            "plan verifier: layer 0 output lies in the workspace, where the next layer would write"
                + " over it");
  }

  @Test
  void refusesSlotsThatTheWorkspaceDoesNotHold() {
    BucketPlan plan = unaliased();
    long bytes = plan.buffer(0, ROUTER_LOGITS).bytes();
    long end = plan.workspaceBytes();

    refused(PlanMutant.moved(plan, 0, ROUTER_LOGITS, new Buffer.Slot(end - bytes + 1, bytes)))
        .hasMessage(
            String.format(
                Locale.ROOT,
                "plan verifier: layer 0 router_logits takes bytes %d to %d of a workspace of %d",
                end - bytes + 1,
                end + 1,
                end));
    refused(PlanMutant.moved(plan, 0, ROUTER_LOGITS, new Buffer.Slot(-64, bytes)))
        .hasMessageContaining("takes bytes -64");
    refused(PlanMutant.moved(plan, 0, ROUTER_LOGITS, new Buffer.Slot(0, bytes - 1)))
        .hasMessageContaining("layer 0 router_logits takes bytes");
    long used =
        plan.buffers().stream()
            .mapToLong(b -> b.location() instanceof Buffer.Slot slot ? slot.end() : 0)
            .max()
            .orElseThrow();
    refused(PlanMutant.workspace(plan, used - 1))
        .hasMessageContaining("of a workspace of " + (used - 1));
  }

  @Test
  void refusesAliasWhereTheResidualIsStillNeeded() {
    BucketPlan plan =
        plan(
            Planner.builder().residual(Residual.IN_OUTPUT), StubExperts.of(StubBody.twoSteps()), 1);
    BucketPlan aliased =
        PlanMutant.without(PlanMutant.bound(plan, 0, FUSED_OUT, plan.buffer(0, OUTPUT)), "copy");

    refused(aliased)
        .hasMessage(
            "plan verifier: layer 0 residual is read by step 4 \"add residual\", but step 3"
                + " \"from scratch\" wrote layer 0 output over it");
  }

  @Test
  void refusesAliasInPlaceWhereHiddenStatesAreStillNeeded() {
    BucketPlan plan =
        plan(Planner.builder().inPlace(true), StubExperts.of(StubBody.lateReader()), 1);
    BucketPlan aliased =
        PlanMutant.without(PlanMutant.bound(plan, 0, FUSED_OUT, plan.buffer(0, OUTPUT)), "copy");

    refused(aliased)
        .hasMessageContainingAll("layer 0 hidden", "step 4 \"input again\"", "\"from scratch\"");
  }

  @Test
  void refusesHiddenStatesInTheOutputThatNobodyPlannedFor() {
    BucketPlan plan = plan(Planner.builder(), StubExperts.of(StubBody.oneStep()), 1);

    refused(PlanMutant.moved(plan, 0, HIDDEN, plan.buffer(0, OUTPUT).location()))
        .hasMessageContainingAll("step 2 \"one step\"", "layer 0 hidden", "layer 0 output");
  }

  @Test
  void namesTheLayerWhoseBufferIsGone() {
    BucketPlan plan = plan(Planner.builder(), new FusedExperts(), 3);

    refused(PlanMutant.moved(plan, 2, ACTIVATED, plan.buffer(2, TOPK_IDS).location()))
        .hasMessageContaining("layer 2 activated");
  }

  private static void verify(BucketPlan plan) {
    PlanVerifier.verify(plan, Collections.nCopies(plan.bindings().size(), Set.<Capability>of()));
  }

  private static AbstractThrowableAssert<?, ? extends Throwable> refused(BucketPlan mutant) {
    return assertThatThrownBy(() -> verify(mutant)).isInstanceOf(PlanException.class);
  }
}
