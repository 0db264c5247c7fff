package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Shapes by the formats' definition (modular MoE): P = M*k pairs, batches `[E_local, M, ...]`.
class WorkspaceShapesTest {
  /// M 5, H 96, I 40, k 3, of 5 experts 4 here.
  private static final Problem MANY = new Problem(5, 96, 40, 3, 5, 4);

  private static final Problem FEW = new Problem(4, 96, 40, 3, 5, 4);
  private static final Problem ONE_EXPERT = new Problem(7, 3, 2, 1, 1, 1);
  private static final Problem NO_TOKENS = new Problem(0, 96, 40, 3, 5, 4);

  static Stream<Arguments> cases() {
    return Stream.of(
        expect(new FusedExperts(), MANY, "[5, 96]", grouped(15, 5, 40, "expert_rows F32 [15, 96]")),
        expect(
            new FusedExperts(), ONE_EXPERT, "[7, 3]", grouped(7, 2, 2, "expert_rows F32 [7, 3]")),
        expect(
            new FusedExperts(), NO_TOKENS, "[0, 96]", grouped(0, 5, 40, "expert_rows F32 [0, 96]")),
        expect(new UnreducedExperts(), MANY, "[15, 96]", grouped(15, 5, 40)),
        expect(new UnreducedExperts(), ONE_EXPERT, "[7, 3]", grouped(7, 2, 2)),
        expect(new BatchedExperts(), MANY, "[4, 5, 96]", List.of("activated F32 [4, 5, 40]")),
        expect(new BatchedExperts(), ONE_EXPERT, "[1, 7, 3]", List.of("activated F32 [1, 7, 2]")),
        expect(new HybridExperts(), FEW, "[4, 96]", List.of("activated F32 [12, 40]")),
        expect(
            new HybridExperts(), MANY, "[5, 96]", grouped(15, 5, 40, "expert_rows F32 [15, 96]")));
  }

  private static Arguments expect(
      Experts experts, Problem problem, String output, List<String> workspaces) {
    return Arguments.of(experts, problem, output, workspaces);
  }

  private static List<String> grouped(int pairs, int offsets, int width, String... more) {
    return Stream.concat(
            Stream.of(
                String.format(Locale.ROOT, "pair_order I32 [%d]", pairs),
                String.format(Locale.ROOT, "expert_offsets I32 [%d]", offsets),
                String.format(Locale.ROOT, "activated F32 [%d, %d]", pairs, width)),
            Stream.of(more))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void asTheFormatSays(Experts experts, Problem problem, String output, List<String> workspaces) {
    assertThat(experts.outputShape(problem)).hasToString(output);
    assertThat(texts(experts.workspaces(problem))).containsExactlyInAnyOrderElementsOf(workspaces);
  }

  @Test
  void batchedPrepareHoldsARowForEachTokenAtEachLocalExpert() {
    assertThat(texts(new BatchedPrepareAndFinalize().workspaces(MANY)))
        .containsExactlyInAnyOrder(
            "dispatched F32 [4, 5, 96]", "dispatch_counts I32 [4]", "dispatch_rows I32 [15]");
  }

  @Test
  void localPrepareNeedsNothing() {
    assertThat(new LocalPrepareAndFinalize().workspaces(MANY)).isEmpty();
  }

  @Test
  void problemTakesItsSizesFromTheLayer() {
    Problem problem =
        Problem.of(SeededLayers.of(96, 40, 5, 3).map(0, -1, 1, 2, 3).layer(), MANY.tokens());

    assertThat(problem).isEqualTo(MANY);
    assertThat(problem.pairs()).isEqualTo(15);
  }

  @Test
  void fusedOutputIsExactlyTheRows() {
    assertThat(new FusedExperts().outputShape(MANY)).isEqualTo(Shape.of(5, 96));
  }

  private static List<String> texts(List<Workspace> workspaces) {
    return workspaces.stream()
        .map(w -> String.format(Locale.ROOT, "%s %s %s", w.operand(), w.dtype(), w.shape()))
        .toList();
  }
}
