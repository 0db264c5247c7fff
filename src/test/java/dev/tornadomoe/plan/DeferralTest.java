package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.plan.explain.Explanation;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Outputs that the caller sums: how they are planned, and where they can't be.
class DeferralTest {
  private static final MoeLayer LAYER = SeededLayers.of(8, 6, 4, 2).layer();

  private static Planner.Builder deferred() {
    return Planner.builder().maxTokens(5).output(OutputForm.DEFERRED);
  }

  private static void refuses(Planner.Builder planner, MoeLayer layer, String message) {
    assertThatThrownBy(() -> planner.build().plan(layer))
        .isInstanceOf(PlanException.class)
        .hasMessage(message);
  }

  @Test
  void expertsWriteTheCallersRows() {
    BucketPlan bucket = deferred().build().plan(LAYER).bucket(5);

    Buffer output = bucket.buffer(0, Operand.OUTPUT);
    assertThat(bucket.buffer(0, Operand.FUSED_OUT)).isEqualTo(output);
    assertThat(output.shape()).isEqualTo(Shape.of(10, 8));
    assertThat(bucket.copies()).isZero();
    assertThat(bucket.baseline().copiedBytes()).isEqualTo(10 * 8 * 4);
    for (Operand routing : List.of(Operand.TOPK_IDS, Operand.TOPK_WEIGHTS)) {
      assertThat(bucket.buffer(0, routing).isCallers()).isTrue();
    }
  }

  @Test
  void explanationSaysWhoSums() {
    assertThat(Explanation.of(deferred().build().plan(LAYER), 5).text())
        .contains("fused_out is output, the same memory")
        .contains("FINALIZE_DEFERRED: the caller weights and sums the experts' rows")
        .contains("output = fused_out  F32 [10, 8]")
        .contains("caller's topk_weights");
  }

  @Test
  void refusesWhatTheCallerDoesNotHave() {
    String start = "layer 0: the caller can't make the sum (output DEFERRED): ";
    refuses(
        deferred(),
        SeededLayers.of(8, 6, 4, 2).shared(5, true).layer(),
        start + "its shared experts' rows belong to the sum");
    refuses(
        deferred(),
        SeededLayers.of(8, 6, 4, 2).latent(5).layer(),
        start + "its experts' rows are of another size, which its own weights widen after the sum");
    refuses(
        deferred(),
        SeededLayers.of(8, 6, 4, 2).outputNorm().layer(),
        start + "its own norm follows the sum, and the caller does not have it");
    refuses(
        deferred(),
        SeededLayers.of(8, 6, 4, 2).map(0, -1, -1, 1).layer(),
        start + "only 2 of 4 experts are here, and the rows of the others would stay unwritten");
    refuses(
        deferred(),
        SeededLayers.of(8, 6, 4, 1).weightOnInput().layer(),
        start + "router weights are on the input, so its rows are finished");
    refuses(
        deferred().modularMoe(ExpertsCatalog.named("hybrid")),
        LAYER,
        start + "experts \"hybrid\" leave no rows [M*k, H]; experts \"unreduced\" do");
    refuses(
        deferred()
            .modularMoe(
                new ModularMoe(
                    StubEnds.standard(),
                    StubExperts.of(StubBody.twoSteps())
                        .leaving(new TopKWeightAndReduce.Contiguous()))),
        SeededLayers.of(8, 6, 4, 1).layer(),
        start + "prepare/finalize \"stub ends\" must combine the rows that it dispatched");
  }

  /// What a backend prefers for its device is no choice of the caller's.
  @Test
  void goesBeforePiecesThatAreOnlyPreferred() {
    ModularMoe grouped = ExpertsCatalog.named("fused");
    assertThat(experts(Planner.builder().preferredModularMoe(grouped))).isEqualTo("fused");
    assertThat(experts(deferred().preferredModularMoe(grouped))).isEqualTo("unreduced");
    assertThat(
            experts(
                Planner.builder()
                    .modularMoe(ExpertsCatalog.named("hybrid"))
                    .preferredModularMoe(grouped)))
        .isEqualTo("hybrid");
  }

  private static String experts(Planner.Builder planner) {
    return planner.build().plan(LAYER).modularMoe(0).experts().name();
  }

  @Test
  void refusesWhatWouldFollowTheSum() {
    String end = ": nothing can follow a sum that the caller makes";
    refuses(
        deferred().residual(Residual.GIVEN),
        LAYER,
        "the output is DEFERRED, and the plan has residual GIVEN" + end);
    refuses(
        deferred().tail(Residual.NONE, new RmsNorm(1e-6f)),
        LAYER,
        "the output is DEFERRED, and the plan has a norm" + end);
    refuses(
        deferred().inPlace(true),
        LAYER,
        "the output is DEFERRED, and the plan has an output in place" + end);
  }

  @Test
  void layersOfAStepNeedTheSameTopK() {
    assertThatThrownBy(() ->
            deferred()
                .wholeStep(true)
                .build()
                .plan(List.of(LAYER, SeededLayers.of(8, 6, 4, 3).layer())))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining("has top-k 3, expected 2");
  }
}
