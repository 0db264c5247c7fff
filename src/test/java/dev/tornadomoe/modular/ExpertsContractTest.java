package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What every pair of pieces of the catalogue keeps, for few and many tokens, weighted on the input
/// or not.
class ExpertsContractTest {
  private static final Set<Operand> GIVEN =
      Set.of(Operand.HIDDEN, Operand.WEIGHTED_HIDDEN, Operand.TOPK_IDS, Operand.TOPK_WEIGHTS);

  static Stream<Arguments> modularMoe() {
    return Stream.of("fused", "hybrid", "unreduced", "batched")
        .flatMap(name -> Stream.of(1, 4, 5, 33).map(tokens -> Arguments.of(name, tokens)));
  }

  private static Problem problem(int tokens) {
    return new Problem(tokens, 96, 40, 3, 5, 4);
  }

  private static List<Operation> prepare(ModularMoe modularMoe, Operand input) {
    return modularMoe.prepareAndFinalize().prepare(input);
  }

  private static List<Operation> all(ModularMoe modularMoe, int tokens, boolean weighted) {
    Operand input = weighted ? Operand.HIDDEN : Operand.WEIGHTED_HIDDEN;
    PrepareAndFinalize prepareAndFinalize = modularMoe.prepareAndFinalize();
    List<Operation> operations = new ArrayList<>(prepareAndFinalize.prepare(input));
    operations.addAll(
        modularMoe
            .experts()
            .operations(
                problem(tokens),
                prepareAndFinalize.expertInput(input, weighted ? Operand.TOPK_WEIGHTS : null)));
    operations.addAll(prepareAndFinalize.finish(modularMoe.reduce(), weighted, Operand.OUTPUT));
    return operations;
  }

  @ParameterizedTest
  @MethodSource("modularMoe")
  void prepareNeverWritesTheHiddenStates(String name, int tokens) {
    ModularMoe modularMoe = ExpertsCatalog.named(name);

    for (Operand input : List.of(Operand.HIDDEN, Operand.WEIGHTED_HIDDEN)) {
      assertThat(prepare(modularMoe, input))
          .allSatisfy(op -> assertThat(written(op)).doesNotContain(Operand.HIDDEN, input));
    }
  }

  @ParameterizedTest
  @MethodSource("modularMoe")
  void nobodyWritesWhatTheCallerGave(String name, int tokens) {
    for (Operation operation : all(ExpertsCatalog.named(name), tokens, true)) {
      assertThat(written(operation)).doesNotContainAnyElementsOf(GIVEN);
    }
  }

  @ParameterizedTest
  @MethodSource("modularMoe")
  void everythingReadWasGivenOrWrittenBefore(String name, int tokens) {
    for (boolean weighted : new boolean[] {true, false}) {
      Set<Operand> there = new HashSet<>(GIVEN);
      for (Operation operation : all(ExpertsCatalog.named(name), tokens, weighted)) {
        assertThat(there).containsAll(read(operation));
        there.addAll(written(operation));
      }
      assertThat(there).contains(Operand.FUSED_OUT, Operand.OUTPUT);
    }
  }

  @ParameterizedTest
  @MethodSource("modularMoe")
  void scratchIsExactlyWhatTheOperationsUse(String name, int tokens) {
    ModularMoe modularMoe = ExpertsCatalog.named(name);
    Set<Operand> used = new HashSet<>();
    all(modularMoe, tokens, true)
        .forEach(op -> op.accesses().forEach(access -> used.add(access.operand())));
    used.removeAll(GIVEN);
    used.removeAll(Set.of(Operand.FUSED_OUT, Operand.OUTPUT));
    List<Operand> declared =
        Stream.concat(
                modularMoe.prepareAndFinalize().workspaces(problem(tokens)).stream(),
                modularMoe.experts().workspaces(problem(tokens)).stream())
            .map(Workspace::operand)
            .toList();

    assertThat(declared).containsExactlyInAnyOrderElementsOf(used);
  }

  @ParameterizedTest
  @MethodSource("modularMoe")
  void weightsAreUsedOnceOrNotAtAll(String name, int tokens) {
    ModularMoe modularMoe = ExpertsCatalog.named(name);

    assertThat(all(modularMoe, tokens, true).stream().filter(op -> uses(op, Operand.TOPK_WEIGHTS)))
        .hasSize(1);
    assertThat(all(modularMoe, tokens, false).stream().filter(op -> uses(op, Operand.TOPK_WEIGHTS)))
        .isEmpty();
  }

  /// All four promise INPUT_CONSUMED_BEFORE_OUTPUT.
  @ParameterizedTest
  @MethodSource("modularMoe")
  void expertsHaveReadTheirInputBeforeTheyWrite(String name, int tokens) {
    ModularMoe modularMoe = ExpertsCatalog.named(name);
    ExpertInput input =
        modularMoe.prepareAndFinalize().expertInput(Operand.HIDDEN, Operand.TOPK_WEIGHTS);
    boolean begun = false;
    assertThat(modularMoe.experts().capabilities())
        .contains(Capability.INPUT_CONSUMED_BEFORE_OUTPUT);
    for (Operation op : modularMoe.experts().operations(problem(tokens), input)) {
      begun |= written(op).contains(Operand.FUSED_OUT);
      assertThat(begun && read(op).contains(input.rows())).isFalse();
    }
    assertThat(begun).isTrue();
  }

  @Test
  void hybridTakesTwoStepsForFourTokensAndTheGroupedPathForFive() {
    Experts hybrid = new HybridExperts();
    ExpertInput input = new ExpertInput(Operand.HIDDEN, Operand.TOPK_IDS, Operand.TOPK_WEIGHTS);

    assertThat(hybrid.pathLimits()).containsExactly(4);
    assertThat(hybrid.operations(problem(4), input))
        .hasExactlyElementsOfTypes(ExpertOperation.GateUp.class, ReduceOperation.DownReduce.class);
    assertThat(hybrid.operations(problem(5), input))
        .isEqualTo(new FusedExperts().operations(problem(5), input));
  }

  private static List<Operand> written(Operation operation) {
    return operation.accesses().stream().filter(Access::writes).map(Access::operand).toList();
  }

  private static List<Operand> read(Operation operation) {
    return operation.accesses().stream().filter(Access::reads).map(Access::operand).toList();
  }

  private static boolean uses(Operation operation, Operand operand) {
    return operation.accesses().stream().anyMatch(access -> access.operand().equals(operand));
  }
}
