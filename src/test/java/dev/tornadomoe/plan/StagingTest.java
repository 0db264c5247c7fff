package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubEnds;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Where finalize reduces and the output can't take its intermediate states, results are finished
/// in a private buffer and copied last, once.
class StagingTest {
  private static final MoeLayer SHARED = SeededLayers.of(8, 6, 4, 2).shared(5, true).layer();
  private static final Operation FINAL_COPY =
      new RowOperation.Copy(Operand.STAGED_OUT, Operand.OUTPUT);

  static Stream<Arguments> staged() {
    return Stream.of(
        Arguments.of("batched, residual in output", batched().residual(Residual.IN_OUTPUT)),
        Arguments.of(
            "batched, in place, own residual",
            batched().inPlace(true).residual(Residual.IN_OUTPUT)),
        Arguments.of(
            "unreduced, residual in output, not folded",
            unreduced().residual(Residual.IN_OUTPUT).foldAdditions(false)),
        Arguments.of(
            "unreduced, in place, own residual, not folded",
            unreduced().inPlace(true).residual(Residual.IN_OUTPUT).foldAdditions(false)),
        Arguments.of(
            "unreduced, BF16 output, not folded",
            unreduced().outputType(DType.BF16).foldAdditions(false)),
        Arguments.of("batched, F16 output", batched().outputType(DType.F16)),
        Arguments.of("batched, device output", batched().outputMemory(MemoryKind.DEVICE)),
        Arguments.of("in place, audited last", auditedLast().inPlace(true)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("staged")
  void endsInOneFinalCopy(String name, Planner.Builder planner) {
    BucketPlan bucket = planner.build().plan(SHARED).bucket(3);

    assertThat(bucket.copies()).isEqualTo(1);
    assertThat(bucket.steps().getLast().operation()).isEqualTo(FINAL_COPY);
    assertThat(bucket.buffer(0, Operand.STAGED_OUT).isCallers()).isFalse();
    assertThat(writersOfOutput(bucket)).hasSize(1);
    assertThatCode(() -> PlanVerifier.verify(bucket, List.of(Set.of()))).doesNotThrowAnyException();
  }

  static Stream<Arguments> direct() {
    return Stream.of(
        Arguments.of("unreduced", unreduced()),
        Arguments.of("unreduced, BF16 output", unreduced().outputType(DType.BF16)),
        Arguments.of(
            "unreduced, F16 output, normed in the sum",
            unreduced().outputType(DType.F16).tail(Residual.GIVEN, new RmsNorm(0.125f))),
        Arguments.of("unreduced, in place", unreduced().inPlace(true)),
        Arguments.of("batched, in place", batched().inPlace(true)),
        Arguments.of("unreduced, residual folded", unreduced().residual(Residual.IN_OUTPUT)),
        Arguments.of("audited last, output elsewhere", auditedLast()));
  }

  /// The reduction is the first that writes the output, and every read of what it destroys comes
  /// before.
  @ParameterizedTest(name = "{0}")
  @MethodSource("direct")
  void isLeftOutWhereTheReductionCanWriteTheOutput(String name, Planner.Builder planner) {
    BucketPlan bucket = planner.build().plan(SHARED).bucket(3);

    assertThat(bucket.copies()).isZero();
    assertThat(bucket.find(0, Operand.STAGED_OUT)).isNull();
    assertThatCode(() -> PlanVerifier.verify(bucket, List.of(Set.of()))).doesNotThrowAnyException();
  }

  @Test
  void directPlanInsteadOfTheStagedOneWouldBeRefused() {
    Planner.Builder options = batched().residual(Residual.IN_OUTPUT);
    BucketPlan staged = options.build().plan(SeededLayers.small()).bucket(3);
    BucketPlan direct =
        PlanMutant.bound(staged, 0, Operand.STAGED_OUT, staged.buffer(0, Operand.OUTPUT));

    assertThatCode(() -> PlanVerifier.verify(direct, List.of(Set.of())))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll(
            "layer 0 residual is read by step 6 \"add residual\"",
            "step 5 \"batched weight + reduce\" wrote layer 0 output over it");
  }

  @Test
  void finishedRowsNeedNoSecondPrivateBuffer() {
    BucketPlan bucket =
        Planner.builder()
            .modularMoe(ExpertsCatalog.named("fused"))
            .outputType(DType.BF16)
            .outputAliasing(AliasMode.OFF)
            .build()
            .plan(SHARED)
            .bucket(3);

    assertThat(bucket.steps().getLast().operation())
        .isEqualTo(new RowOperation.Copy(Operand.FUSED_OUT, Operand.OUTPUT));
    assertThat(bucket.find(0, Operand.STAGED_OUT)).isNull();
  }

  private static List<Step> writersOfOutput(BucketPlan bucket) {
    return bucket.steps().stream()
        .filter(step ->
            step.operation().accesses().stream()
                .anyMatch(access -> access.writes() && access.operand().equals(Operand.OUTPUT)))
        .toList();
  }

  private static Planner.Builder unreduced() {
    return Planner.builder().modularMoe(ExpertsCatalog.named("unreduced"));
  }

  private static Planner.Builder batched() {
    return Planner.builder().modularMoe(ExpertsCatalog.named("batched"));
  }

  private static Planner.Builder auditedLast() {
    StubEnds prepareAndFinalize = StubEnds.standard().auditing(StubEnds.Audit.LAST);
    return Planner.builder()
        .modularMoe(
            new ModularMoe(prepareAndFinalize, ExpertsCatalog.named("unreduced").experts()));
  }
}
