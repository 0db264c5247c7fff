package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
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
  private static final Operand G = new Operand("g");

  /// Each operation with the operands it writes; everything else that it names, it reads.
  static Stream<Arguments> operations() {
    return Stream.of(
        writes(new DenseOperation.RouterIn(A, B), B),
        writes(new DenseOperation.RouterHidden(0, A, B), B),
        writes(new RowOperation.RouterStates(A, B, true), A, B),
        writes(new RowOperation.RouterStates(A, B, false), A, B),
        writes(new DenseOperation.RouterLogits(A, B), B),
        writes(new RouteOperation.SelectExperts(A, null, B, C), B, C),
        writes(new RouteOperation.SelectExperts(A, B, C, D), C, D),
        writes(new RowOperation.Copy(A, B), B),
        writes(new RowOperation.WeightInput(A, B, C), C),
        writes(new RowOperation.Add(A, B), A),
        writes(new RowOperation.Zero(A), A),
        writes(new RowOperation.Norm(A, B, new RmsNorm(1e-6f), C), C),
        writes(new RowOperation.OwnNorm(OwnNorms.Place.ROUTER, A, B), B),
        writes(new RowOperation.OwnNorm(OwnNorms.Place.OUTPUT, A, A), A),
        writes(new DenseOperation.SharedGateUp(A, B), B),
        writes(new DenseOperation.LatentIn(A, B), B),
        writes(new DenseOperation.LatentOut(A, B), B),
        writes(new DenseOperation.SharedDown(A, B, C), C),
        writes(new RowOperation.IdentityExperts(A, B, C, D), D),
        writes(new RouteOperation.GroupByExpert(A, B, C), B, C),
        writes(new ExpertOperation.GateUp(A, B, C), C),
        writes(new ExpertOperation.GroupedGateUp(A, B, C, D), D),
        writes(new ExpertOperation.GroupedDown(A, B, C, D), D),
        writes(new OffloadOperation.Begin(A, B, C)),
        writes(new OffloadOperation.Begin(A, B, null)),
        writes(new OffloadOperation.Await(A, B, C, D), D),
        writes(new OffloadOperation.Await(A, B, null, C), C),
        writes(new OffloadOperation.Stream(A, B, C, D, E), D, E),
        writes(new OffloadOperation.Stream(A, B, null, C, D), C, D),
        writes(new ReduceOperation.DownReduce(A, B, C, List.of(D, E), F), F),
        writes(new ReduceOperation.DownReduce(A, B, null, List.of(), C), C),
        writes(new ReduceOperation.Reduce(A, B, C, List.of(D, E), F), F),
        writes(new ReduceOperation.Reduce(A, B, null, List.of(), C), C),
        writes(
            new ReduceOperation.ReduceNorm(
                new ReduceOperation.Reduce(A, B, C, List.of(D), E),
                new RowOperation.Norm(E, F, new RmsNorm(1e-6f), G)),
            E,
            G),
        writes(new RouteOperation.Dispatch(A, B, C, D, E), C, D, E),
        writes(new ExpertOperation.BatchedGateUp(A, B, C), C),
        writes(new ExpertOperation.BatchedDown(A, B, C), C),
        writes(new ReduceOperation.BatchedReduce(A, B, C, D, E), E),
        writes(new ReduceOperation.BatchedReduce(A, B, C, null, D), D));
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
            kinds(Operation.class)
                .filter(kind -> kind != CustomOperation.class)
                .map(Class::getName)
                .toList());
  }

  /// The records of a sealed family.
  private static Stream<Class<?>> kinds(Class<?> family) {
    return family.isRecord()
        ? Stream.of(family)
        : Stream.of(family.getPermittedSubclasses()).flatMap(OperationAccessesTest::kinds);
  }

  @Test
  void addKeepsWhatTheTargetHolds() {
    assertThat(new RowOperation.Add(A, B).accesses())
        .containsExactlyInAnyOrder(
            new Access(A, Access.Mode.ACCUMULATE), new Access(B, Access.Mode.READ));
  }

  @Test
  void addendsAreReadWhereTheyAreAdded() {
    ReduceOperation.Finishing reduce =
        new ReduceOperation.Reduce(A, B, C, List.of(), F).adding(D).adding(E);

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
    CustomOperation custom = new CustomOperation("mine", declared, (memory, tokens) -> {});
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

  private static Set<Operand> named(Operation operation) throws ReflectiveOperationException {
    Set<Operand> named = new LinkedHashSet<>();
    for (RecordComponent component : operation.getClass().getRecordComponents()) {
      Object value = component.getAccessor().invoke(operation);
      switch (value) {
        case Operand operand -> named.add(operand);
        case Operation part -> named.addAll(named(part));
        case List<?> list -> list.forEach(each -> named.add((Operand) each));
        case null, default -> {}
      }
    }
    return named;
  }
}
