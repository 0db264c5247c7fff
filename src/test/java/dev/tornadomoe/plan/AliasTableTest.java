package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.modular.Operand;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AliasTableTest {

  static Stream<AliasTable.Row> rows() {
    return AliasTable.all();
  }

  @ParameterizedTest
  @MethodSource("rows")
  void givesItsReasons(AliasTable.Row row) {
    AliasDecision decision = row.decision();

    assertThat(codes(decision)).containsExactlyInAnyOrderElementsOf(row.codes());
    assertThat(decision.aliased()).isEqualTo(row.codes().contains(ReasonCode.ALIASED));
    assertThat(decision.reason()).isEqualTo(decision.reasons().getFirst().code());
  }

  /// Where finalize reduces or widens, it writes the output itself and there is nothing to copy.
  @ParameterizedTest
  @MethodSource("rows")
  void copiesExactlyWhereFinishedRowsLieElsewhere(AliasTable.Row row) {
    boolean inOutput =
        row.codes().contains(ReasonCode.ALIASED)
            || row.codes().contains(ReasonCode.REDUCE_IN_FINALIZE)
            || row.codes().contains(ReasonCode.REDUCE_ZEROES_FIRST)
            || row.layer().latent() != null;

    assertThat(row.bucket().copies()).isEqualTo(inOutput ? 0 : 1);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void mergesBuffersExactlyWhenAliased(AliasTable.Row row) {
    BucketPlan bucket = row.bucket();
    Buffer fusedOut = bucket.buffer(0, Operand.FUSED_OUT);
    Buffer output = bucket.buffer(0, Operand.OUTPUT);

    assertThat(output.isCallers()).isTrue();
    assertThat(fusedOut.equals(output)).isEqualTo(row.codes().contains(ReasonCode.ALIASED));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void row25NothingIsDecidedForNoTokens(AliasTable.Row row) {
    BucketPlan none = row.planner().build().plan(row.layer()).buckets().getFirst();

    if (row.codes().contains(ReasonCode.NONLOCAL_FINALIZE)) {
      // Others' tokens may come in: a call without its own is one like any other.
      assertThat(none.minTokens()).isZero();
      assertThat(none.steps()).isNotEmpty();
      return;
    }
    assertThat(codes(none.decisions().getFirst())).containsExactly(ReasonCode.NO_TOKENS);
    assertThat(none.maxTokens()).isZero();
    assertThat(none.steps()).isEmpty();
    assertThat(none.workspaceBytes()).isZero();
  }

  @Test
  void everyReasonCodeHasItsRow() {
    Set<ReasonCode> seen = EnumSet.of(ReasonCode.NO_TOKENS);
    rows().forEach(row -> seen.addAll(row.codes()));

    assertThat(seen).containsExactlyInAnyOrder(ReasonCode.values());
  }

  @Test
  void everyReasonReadsAsItsMeaning() {
    rows()
        .flatMap(row -> row.decision().reasons().stream())
        .forEach(reason ->
            assertThat(reason.toString())
                .startsWith(reason.code() + ": " + reason.code().meaning()));
    assertThat(Arrays.stream(ReasonCode.values()).map(ReasonCode::meaning)).doesNotHaveDuplicates();
  }

  private static List<ReasonCode> codes(AliasDecision decision) {
    return decision.reasons().stream().map(AliasDecision.Reason::code).toList();
  }
}
