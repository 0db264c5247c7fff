package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What only few layers have: experts that return their input, and weights on the input.
class LoweringTest {
  private static final int TOKENS = 3;

  private static List<Operation> operations(BucketPlan bucket) {
    return bucket.steps().stream().map(Step::operation).toList();
  }

  @Test
  void identityExpertsRunBesideTheSharedOnesAndAreAdded() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd().withIdentities(2).withShared(8, false), 1);
    BucketPlan bucket =
        Planner.builder()
            .modularMoe(ExpertsCatalog.named("fused"))
            .foldAdditions(false)
            .maxTokens(TOKENS)
            .build()
            .plan(layer)
            .bucket(TOKENS);
    Operation identities =
        new RowOperation.IdentityExperts(
            Operand.HIDDEN, Operand.TOPK_IDS, Operand.TOPK_WEIGHTS, Operand.IDENTITY_OUT);

    assertThat(operations(bucket))
        .containsSubsequence(
            identities,
            new RowOperation.Add(Operand.FUSED_OUT, Operand.SHARED_OUT),
            new RowOperation.Add(Operand.FUSED_OUT, Operand.IDENTITY_OUT));
    assertThat(bucket.steps().get(operations(bucket).indexOf(identities)).phase())
        .isEqualTo(Phase.SHARED);
    assertThat(bucket.buffer(0, Operand.IDENTITY_OUT).shape())
        .isEqualTo(Shape.of(bucket.maxTokens(), layer.hidden()));
    assertThatCode(() -> PlanVerifier.verify(bucket, List.of(Set.of()))).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void finalizeWeightsUnlessTheInputWas(boolean onInput) {
    SeededLayers fixture = SeededLayers.of(8, 6, 4, 1);
    MoeLayer layer = (onInput ? fixture.weightOnInput() : fixture).layer();
    BucketPlan bucket =
        Planner.builder()
            .modularMoe(ExpertsCatalog.named("unreduced"))
            .build()
            .plan(layer)
            .bucket(1);

    assertThat(
            operations(bucket).stream()
                .filter(ReduceOperation.Reduce.class::isInstance)
                .map(operation -> ((ReduceOperation.Reduce) operation).weights() == null))
        .containsExactly(onInput);
  }
}
