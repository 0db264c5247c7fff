package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlannerPiecesTest {
  private static final MoeLayer LAYER = SeededLayers.of(8, 6, 4, 2).index(7).layer();
  private static final MoeLayer ROUTERLESS =
      SeededLayers.of(8, 6, 4, 2).index(9).withoutRouter().layer();

  @Test
  void catalogueChoosesForEachLayer() {
    MoeLayer int4 = SeededLayers.of(8, 6, 4, 2).int4().index(8).layer();
    MoePlan plan = Planner.builder().build().plan(List.of(LAYER, int4));

    for (int layer = 0; layer < 2; layer++) {
      assertThat(plan.modularMoe(layer).experts().name()).isEqualTo("hybrid");
    }
  }

  @Test
  void forcedExpertsThatCantComputeTheLayerAreNamedWithTheReason() {
    StubExperts picky =
        StubExperts.of(StubBody.twoSteps()).refusing("needs 8-bit weights, found [F32]");
    Planner planner =
        Planner.builder().modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), picky)).build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessage(
            "layer 7 can't be computed by experts \"stub\": needs 8-bit weights, found [F32]");
  }

  @Test
  void prepareThatCantServeTheLayerIsNamedWithTheReason() {
    Planner planner =
        Planner.builder()
            .modularMoe(new ModularMoe(new Narrow(), StubExperts.of(StubBody.twoSteps())))
            .maxTokens(48)
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessage(
            "layer 7 can't be served by prepare/finalize \"narrow\": takes 32 tokens, found 48");
  }

  @Test
  void callerWhoRoutesBringsIdsAndWeights() {
    BucketPlan bucket = Planner.builder().callerRoutes(true).build().plan(LAYER).bucket(3);

    assertThat(bucket.steps()).extracting(Step::phase).doesNotContain(Phase.ROUTE);
    assertThat(bucket.find(0, Operand.ROUTER_LOGITS)).isNull();
    for (Operand operand : List.of(Operand.TOPK_IDS, Operand.TOPK_WEIGHTS)) {
      assertThat(bucket.buffer(0, operand).shape()).isEqualTo(Shape.of(4, 2));
    }
    assertThat(bucket.buffer(0, Operand.TOPK_IDS).location())
        .isEqualTo(new Buffer.Caller(CallerRegion.TOPK_IDS));
    assertThat(bucket.buffer(0, Operand.TOPK_WEIGHTS).location())
        .isEqualTo(new Buffer.Caller(CallerRegion.TOPK_WEIGHTS));
    assertThat(bucket.buffer(0, Operand.TOPK_IDS).dtype()).isEqualTo(DType.I32);
    assertThat(bucket.buffer(0, Operand.TOPK_WEIGHTS).dtype()).isEqualTo(DType.F32);
  }

  @Test
  void layerWithoutRouterNeedsACallerWhoRoutes() {
    assertThatThrownBy(() -> Planner.builder().build().plan(List.of(LAYER, ROUTERLESS)))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 9 has no router", "callerRoutes");
    assertThat(Planner.builder().callerRoutes(true).build().plan(ROUTERLESS).bucket(1).copies())
        .isZero();
  }

  @Test
  void twoWorkspacesOfOneNameAreRefused() {
    StubBody body = StubBody.twoSteps();
    Planner planner =
        Planner.builder()
            .modularMoe(new ModularMoe(new SameScratch(), StubExperts.of(body)))
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 7", "\"stub_scratch\"");
  }

  @Test
  void operandThatNobodyHoldsIsNamed() {
    StubBody body =
        (problem, input, weights) ->
            List.of(
                new CustomOperation(
                    "reads elsewhere",
                    List.of(
                        new Access(new Operand("elsewhere"), Access.Mode.READ),
                        new Access(Operand.FUSED_OUT, Access.Mode.OVERWRITE)),
                    (memory, tokens) -> {}));
    Planner planner =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), StubExperts.of(body)))
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 7", "\"elsewhere\"");
  }

  @Test
  void expertsThatNeverWriteTheirRowsAreRefusedByTheVerifier() {
    StubBody idle = (problem, input, weights) -> List.of();
    Planner planner =
        Planner.builder()
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), StubExperts.of(idle)))
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining("nothing has written it");
  }

  @Test
  void scratchThatNoStepUsesTakesNoRoom() {
    StubBody body = StubBody.oneStep();
    BucketPlan bucket =
        Planner.builder()
            .modularMoe(new ModularMoe(new SameScratch(), StubExperts.of(body)))
            .callerRoutes(true)
            .build()
            .plan(LAYER)
            .bucket(1);

    assertThat(bucket.find(0, StubBody.SCRATCH)).isNull();
    assertThat(bucket.workspaceBytes()).isZero();
  }

  /// Serves few tokens.
  private static class Narrow implements PrepareAndFinalize {
    @Override
    public String name() {
      return "narrow";
    }

    @Override
    public ActivationFormat format() {
      return ActivationFormat.STANDARD;
    }

    @Override
    public boolean isLocal() {
      return true;
    }

    @Override
    public Support supports(Problem problem) {
      return problem.tokens() <= 32
          ? Support.yes()
          : Support.no("takes 32 tokens, found " + problem.tokens());
    }

    @Override
    public TopKWeightAndReduce resolve(TopKWeightAndReduce declared) {
      return declared;
    }
  }

  /// Asks for scratch under the stub experts' name.
  private static final class SameScratch extends Narrow {
    @Override
    public Support supports(Problem problem) {
      return Support.yes();
    }

    @Override
    public List<Workspace> workspaces(Problem problem) {
      return List.of(new Workspace(StubBody.SCRATCH, DType.F32, Shape.of(problem.tokens(), 8)));
    }
  }
}
