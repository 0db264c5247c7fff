package dev.tornadomoe.plan;

import static dev.tornadomoe.modular.Operand.FUSED_OUT;
import static dev.tornadomoe.modular.Operand.OUTPUT;
import static dev.tornadomoe.modular.Operand.RESIDUAL;
import static dev.tornadomoe.modular.Operand.SHARED_OUT;
import static dev.tornadomoe.modular.Operand.TOPK_IDS;
import static dev.tornadomoe.modular.Operand.TOPK_WEIGHTS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.SeededLayers;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FoldAdditionsTest {
  private static final Operand PAIRS = new Operand("pairs");
  private static final ReduceOperation.Reduce REDUCE =
      new ReduceOperation.Reduce(PAIRS, TOPK_IDS, TOPK_WEIGHTS, List.of(), FUSED_OUT);
  private static final ReduceOperation.DownReduce DOWN_REDUCE =
      new ReduceOperation.DownReduce(PAIRS, TOPK_IDS, TOPK_WEIGHTS, List.of(), FUSED_OUT);
  private static final Operation ADD_SHARED = new RowOperation.Add(FUSED_OUT, SHARED_OUT);
  private static final Operation ADD_RESIDUAL = new RowOperation.Add(FUSED_OUT, RESIDUAL);
  private static final Operation COPY = new RowOperation.Copy(FUSED_OUT, OUTPUT);

  private static List<Operation> folded(Operation... operations) {
    MoeLayer layer = SeededLayers.small();
    LayerDraft draft =
        new LayerDraft(
            layer,
            ExpertsCatalog.named("fused"),
            Problem.of(layer, 3),
            Stream.of(operations).map(op -> new LayerDraft.Stage(Phase.FINALIZE, op)).toList(),
            Map.of(),
            false);
    return FoldAdditions.apply(draft).stages().stream().map(LayerDraft.Stage::operation).toList();
  }

  private static Operation custom(String name, Access... accesses) {
    return new CustomOperation(name, List.of(accesses), (memory, tokens) -> {});
  }

  static Stream<ReduceOperation.Finishing> finishing() {
    return Stream.of(REDUCE, DOWN_REDUCE);
  }

  @ParameterizedTest
  @MethodSource("finishing")
  void additionsBecomeAddendsInTheirOrder(ReduceOperation.Finishing finishing) {
    assertThat(folded(finishing, ADD_SHARED, ADD_RESIDUAL, COPY))
        .containsExactly(finishing.adding(SHARED_OUT).adding(RESIDUAL), COPY);
  }

  @Test
  void operationsThatTouchNeitherAreNoObstacle() {
    Operation elsewhere =
        custom("elsewhere", new Access(PAIRS, Access.Mode.READ), overwrite(new Operand("x")));

    assertThat(folded(REDUCE, elsewhere, ADD_SHARED))
        .containsExactly(REDUCE.adding(SHARED_OUT), elsewhere);
  }

  @Test
  void readingTheAddendInBetweenIsNoObstacle() {
    Operation reader =
        custom("reader", new Access(SHARED_OUT, Access.Mode.READ), overwrite(new Operand("x")));

    assertThat(folded(REDUCE, reader, ADD_SHARED))
        .containsExactly(REDUCE.adding(SHARED_OUT), reader);
  }

  static Stream<Operation> obstacles() {
    return Stream.of(
        custom("reads the target", new Access(FUSED_OUT, Access.Mode.READ)),
        custom("reads the target elementwise", elementwise(FUSED_OUT)),
        custom("overwrites the target", overwrite(FUSED_OUT)),
        custom("adds to the target", new Access(FUSED_OUT, Access.Mode.ACCUMULATE)),
        custom("overwrites the addend", overwrite(SHARED_OUT)),
        custom("adds to the addend", new Access(SHARED_OUT, Access.Mode.ACCUMULATE)),
        COPY);
  }

  @ParameterizedTest
  @MethodSource("obstacles")
  void keptWhenAnOperationTouchesTargetOrAddendInBetween(Operation between) {
    assertThat(folded(REDUCE, between, ADD_SHARED)).containsExactly(REDUCE, between, ADD_SHARED);
  }

  @ParameterizedTest
  @MethodSource("obstacles")
  void additionBehindOneThatIsKeptIsKeptToo(Operation between) {
    assertThat(folded(REDUCE, between, ADD_SHARED, ADD_RESIDUAL))
        .containsExactly(REDUCE, between, ADD_SHARED, ADD_RESIDUAL);
  }

  @Test
  void additionBeforeAnObstacleIsFoldedAndOneBehindItKept() {
    assertThat(folded(REDUCE, ADD_SHARED, COPY, ADD_RESIDUAL))
        .containsExactly(REDUCE.adding(SHARED_OUT), COPY, ADD_RESIDUAL);
  }

  @Test
  void keptWhenTheRowsAreOfAnotherOperation() {
    Operation stub = custom("stub", overwrite(FUSED_OUT));
    Operation other = new ReduceOperation.Reduce(PAIRS, TOPK_IDS, null, List.of(), OUTPUT);
    Operation batched =
        new ReduceOperation.BatchedReduce(
            PAIRS, TOPK_IDS, Operand.DISPATCH_ROWS, TOPK_WEIGHTS, FUSED_OUT);

    assertThat(folded(stub, ADD_SHARED)).containsExactly(stub, ADD_SHARED);
    assertThat(folded(other, ADD_SHARED)).containsExactly(other, ADD_SHARED);
    assertThat(folded(batched, ADD_SHARED)).containsExactly(batched, ADD_SHARED);
    assertThat(folded(ADD_SHARED)).containsExactly(ADD_SHARED);
  }

  @Test
  void goesIntoTheNearestOperationThatFinishesTheRows() {
    assertThat(folded(DOWN_REDUCE, REDUCE, ADD_SHARED))
        .containsExactly(DOWN_REDUCE, REDUCE.adding(SHARED_OUT));
  }

  @Test
  void finishingOperationKeepsItsPhase() {
    MoeLayer layer = SeededLayers.of(8, 6, 4, 2).shared(5, false).layer();
    BucketPlan bucket = Planner.builder().residual(Residual.GIVEN).build().plan(layer).bucket(1);

    Step last = bucket.steps().getLast();
    assertThat(last.operation().name()).isEqualTo("down + weight + reduce + shared_out + residual");
    assertThat(last.phase()).isEqualTo(Phase.EXPERTS);
  }

  @Test
  void optionKeepsEveryAddition() {
    MoeLayer layer = SeededLayers.of(8, 6, 4, 2).shared(5, false).layer();
    Planner.Builder options = Planner.builder().residual(Residual.GIVEN);
    BucketPlan folded = options.build().plan(layer).bucket(1);
    BucketPlan kept = options.foldAdditions(false).build().plan(layer).bucket(1);

    assertThat(kept.steps()).hasSize(folded.steps().size() + 2);
    assertThat(kept.steps().reversed().stream().limit(2).map(step -> step.operation().name()))
        .containsExactly("add residual", "add shared_out");
  }

  private static Access overwrite(Operand operand) {
    return new Access(operand, Access.Mode.OVERWRITE);
  }

  private static Access elementwise(Operand operand) {
    return new Access(operand, Access.Mode.READ_ELEMENTWISE);
  }
}
