package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class OperationAccessesTest {
  private static final Operand A = new Operand("a");
  private static final Operand B = new Operand("b");
  private static final Operand C = new Operand("c");
  private static final Operand D = new Operand("d");
  private static final Operand E = new Operand("e");
  private static final Operand F = new Operand("f");

  /// Each operation with the operands it writes; everything else that it names, it reads.
  static Stream<Arguments> operations() {
    return Stream.of(
        writes(new Operation.RouterLogits(A, B), B),
        writes(new Operation.SelectExperts(A, B, C), B, C),
        writes(new Operation.Copy(A, B), B),
        writes(new Operation.WeightInput(A, B, C), C),
        writes(new Operation.Add(A, B), A),
        writes(new Operation.Zero(A), A),
        writes(new Operation.SharedGateUp(A, B), B),
        writes(new Operation.SharedDown(A, B, C), C),
        writes(new Operation.IdentityExperts(A, B, C, D), D),
        writes(new Operation.GroupByExpert(A, B, C), B, C),
        writes(new Operation.GateUp(A, B, C), C),
        writes(new Operation.GroupedGateUp(A, B, C, D), D),
        writes(new Operation.GroupedDown(A, B, C, D), D),
        writes(new Operation.DownReduce(A, B, C, List.of(D, E), F), F),
        writes(new Operation.DownReduce(A, B, null, List.of(), C), C),
        writes(new Operation.Reduce(A, B, C, List.of(D, E), F), F),
        writes(new Operation.Reduce(A, B, null, List.of(), C), C),
        writes(new Operation.Dispatch(A, B, C, D, E), C, D, E),
        writes(new Operation.BatchedGateUp(A, B, C), C),
        writes(new Operation.BatchedDown(A, B, C), C),
        writes(new Operation.BatchedReduce(A, B, C, D, E), E),
        writes(new Operation.BatchedReduce(A, B, C, null, D), D));
  }

  private static Arguments writes(Operation operation, Operand... written) {
    return Arguments.of(operation, List.of(written));
  }

  @ParameterizedTest
  @MethodSource("operations")
  void declareEachOperandOnce(Operation operation, List<Operand> written) {
    assertThat(operation.accesses()).extracting(Access::operand).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @MethodSource("operations")
  void declareExactlyTheOperandsTheyName(Operation operation, List<Operand> written)
      throws ReflectiveOperationException {
    assertThat(operation.accesses())
        .extracting(Access::operand)
        .containsExactlyInAnyOrderElementsOf(named(operation));
  }

  @ParameterizedTest
  @MethodSource("operations")
  void writeTheirTargetsAndNothingElse(Operation operation, List<Operand> written) {
    assertThat(operation.accesses().stream().filter(Access::writes).map(Access::operand))
        .containsExactlyInAnyOrderElementsOf(written);
  }

  @Test
  void coverEveryKind() {
    assertThat(operations().map(arguments -> arguments.get()[0].getClass().getName()).distinct())
        .containsExactlyInAnyOrderElementsOf(
            Stream.of(Operation.class.getDeclaredClasses())
                .filter(Class::isRecord)
                .filter(kind -> kind != Operation.Custom.class)
                .map(Class::getName)
                .toList());
  }

  @Test
  void addKeepsWhatTheTargetHolds() {
    assertThat(new Operation.Add(A, B).accesses())
        .containsExactlyInAnyOrder(
            new Access(A, Access.Mode.ACCUMULATE), new Access(B, Access.Mode.READ));
  }

  @Test
  void addendsAreReadWhereTheyAreAdded() {
    Operation.Finishing reduce = new Operation.Reduce(A, B, C, List.of(), F).adding(D).adding(E);

    assertThat(reduce.addends()).containsExactly(D, E);
    assertThat(reduce.accesses())
        .contains(
            new Access(D, Access.Mode.READ_ELEMENTWISE),
            new Access(E, Access.Mode.READ_ELEMENTWISE));
    assertThat(reduce.name()).isEqualTo("weight + reduce + d + e");
  }

  @Test
  void customStepsKeepTheirDeclarationWhenTheGivenListChanges() {
    List<Access> declared = new ArrayList<>(List.of(Access.read(A), Access.overwrite(B)));
    Operation.Custom custom = new Operation.Custom("mine", declared, (memory, tokens) -> {});
    declared.clear();

    assertThat(custom.accesses()).containsExactly(Access.read(A), Access.overwrite(B));
  }

  @Test
  void onlyOverwritingIgnoresEarlierContent() {
    assertThat(Arrays.stream(Access.Mode.values()).filter(mode -> !new Access(A, mode).reads()))
        .containsExactly(Access.Mode.OVERWRITE);
    assertThat(Arrays.stream(Access.Mode.values()).filter(mode -> new Access(A, mode).writes()))
        .containsExactly(Access.Mode.OVERWRITE, Access.Mode.ACCUMULATE);
  }

  private static List<Operand> named(Operation operation) throws ReflectiveOperationException {
    List<Operand> named = new ArrayList<>();
    for (RecordComponent component : operation.getClass().getRecordComponents()) {
      Object value = component.getAccessor().invoke(operation);
      switch (value) {
        case Operand operand -> named.add(operand);
        case List<?> list -> list.forEach(each -> named.add((Operand) each));
        case null, default -> {}
      }
    }
    return named;
  }
}
