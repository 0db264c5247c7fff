package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.contract.FinishEnds;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.tensor.DType;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A prepare/finalize may do more for finished rows than to copy them. `fused_out` can be the
/// output only where that can't be noticed.
class OwnFinalizeTest {
  private static final MoeLayer LAYER = SeededLayers.small();

  private static Operation copy(Operand target) {
    return new RowOperation.Copy(Operand.FUSED_OUT, target);
  }

  private static Operation custom(String name, Access... accesses) {
    return new CustomOperation(name, List.of(accesses), (memory, tokens) -> {});
  }

  private static Access access(Operand operand, Access.Mode mode) {
    return new Access(operand, mode);
  }

  static Stream<Arguments> unnoticed() {
    return Stream.of(
        finish("only copies", target -> List.of(copy(target))),
        finish(
            "looks at the rows before",
            target ->
                List.of(custom("look", access(Operand.FUSED_OUT, Access.Mode.READ)), copy(target))),
        finish(
            "adds to the output after",
            target ->
                List.of(copy(target), custom("add", access(target, Access.Mode.ACCUMULATE)))));
  }

  static Stream<Arguments> noticed() {
    return Stream.of(
        finish(
            "writes the output in its own way",
            target ->
                List.of(
                    custom(
                        "reverse",
                        access(Operand.FUSED_OUT, Access.Mode.READ),
                        access(target, Access.Mode.OVERWRITE)))),
        finish(
            "looks at the rows after the output changed",
            target ->
                List.of(
                    copy(target),
                    custom("add", access(target, Access.Mode.ACCUMULATE)),
                    custom("look", access(Operand.FUSED_OUT, Access.Mode.READ)))),
        finish(
            "begins to write the output before",
            target ->
                List.of(
                    custom("clear", access(target, Access.Mode.OVERWRITE)),
                    custom(
                        "add rows",
                        access(Operand.FUSED_OUT, Access.Mode.READ),
                        access(target, Access.Mode.ACCUMULATE)))),
        finish("copies twice", target -> List.of(copy(target), copy(target))));
  }

  private static Arguments finish(String name, Function<Operand, List<Operation>> operations) {
    return Arguments.of(name, operations);
  }

  private static Planner.Builder planner(Function<Operand, List<Operation>> finish) {
    return Planner.builder().modularMoe(new ModularMoe(new FinishEnds(finish), new FusedExperts()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("unnoticed")
  void aliasedWhereItOnlyHandsOver(String name, Function<Operand, List<Operation>> finish) {
    BucketPlan bucket = planner(finish).build().plan(LAYER).bucket(1);

    assertThat(bucket.decisions().getFirst().reason()).isEqualTo(ReasonCode.ALIASED);
    assertThat(bucket.copies()).isZero();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("noticed")
  void refusedWhereItDoesMore(String name, Function<Operand, List<Operation>> finish) {
    BucketPlan bucket = planner(finish).build().plan(LAYER).bucket(1);
    AliasDecision.Reason reason = bucket.decisions().getFirst().reasons().getFirst();

    assertThat(bucket.decisions().getFirst().reasons()).hasSize(1);
    assertThat(reason.code()).isEqualTo(ReasonCode.REDUCE_IN_FINALIZE);
    assertThat(reason.detail()).isEqualTo("\"own finish\" does more than hand them over");
    assertThat(bucket.buffer(0, Operand.FUSED_OUT).isCallers()).isFalse();
  }

  @Test
  void requiredAliasNamesTheFinalize() {
    Planner planner =
        planner(target ->
                List.of(
                    custom(
                        "reverse",
                        access(Operand.FUSED_OUT, Access.Mode.READ),
                        access(target, Access.Mode.OVERWRITE))))
            .requireAlias(true)
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessageContainingAll("layer 0", "REDUCE_IN_FINALIZE", "\"own finish\"");
  }

  @Test
  void worksOnAPrivateBufferWhereTheOutputCantHoldItsRows() {
    MoePlan plan =
        planner(target ->
                List.of(
                    custom(
                        "reverse",
                        access(Operand.FUSED_OUT, Access.Mode.READ),
                        access(target, Access.Mode.OVERWRITE))))
            .outputType(DType.BF16)
            .build()
            .plan(LAYER);

    assertThat(plan.bucket(1).steps().getLast().operation())
        .isEqualTo(new RowOperation.Copy(Operand.STAGED_OUT, Operand.OUTPUT));
    assertThat(plan.bucket(1).copies()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hidden", "residual", "topk_ids", "topk_weights"})
  void mayNotWriteWhatTheCallerGave(String name) {
    Planner planner =
        planner(target ->
                List.of(
                    copy(target),
                    custom("scribble", access(new Operand(name), Access.Mode.OVERWRITE))))
            .residual(Residual.GIVEN)
            .callerRoutes(true)
            .build();

    assertThatThrownBy(() -> planner.plan(LAYER))
        .isInstanceOf(PlanException.class)
        .hasMessage(
            String.format(
                Locale.ROOT,
                "layer 0: operation \"scribble\" writes %s, which must stay as the caller gave it",
                name));
  }

  @Test
  void doesNotTouchWhatIsAddedBesides() {
    MoePlan plan =
        planner(target ->
                List.of(copy(target), custom("double", access(target, Access.Mode.ACCUMULATE))))
            .residual(Residual.GIVEN)
            .build()
            .plan(LAYER);

    List<Step> steps = plan.bucket(1).steps();
    assertThat(steps.getLast().operation())
        .isEqualTo(new RowOperation.Add(Operand.OUTPUT, Operand.RESIDUAL));
    assertThat(steps.get(steps.size() - 2).operation().name()).isEqualTo("double");
  }

  @Test
  void writesRowsSideBySideWhereTheOutputsLieApart() {
    Planner.Builder reversing =
        planner(target ->
            List.of(
                custom(
                    "reverse",
                    access(Operand.FUSED_OUT, Access.Mode.READ),
                    access(target, Access.Mode.OVERWRITE))));

    assertThat(
            reversing.outputStride(16).build().plan(LAYER).bucket(1).steps().getLast().operation())
        .isEqualTo(new RowOperation.Copy(Operand.STAGED_OUT, Operand.OUTPUT));
    assertThat(reversing.outputStride(8).build().plan(LAYER).bucket(1).copies()).isZero();
  }
}
