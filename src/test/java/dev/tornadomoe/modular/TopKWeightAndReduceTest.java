package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.modular.TopKWeightAndReduce.Contiguous;
import dev.tornadomoe.modular.TopKWeightAndReduce.Delegate;
import dev.tornadomoe.modular.TopKWeightAndReduce.NaiveBatched;
import dev.tornadomoe.modular.TopKWeightAndReduce.NoOp;
import java.util.List;
import org.junit.jupiter.api.Test;

class TopKWeightAndReduceTest {
  private static final Operand ROWS = new Operand("rows");

  @Test
  void noOpIsACopyThatIgnoresTheWeights() {
    assertThat(new NoOp().operations(Operand.FUSED_OUT, Operand.TOPK_WEIGHTS, ROWS))
        .containsExactly(new RowOperation.Copy(Operand.FUSED_OUT, ROWS));
  }

  @Test
  void contiguousWeightsAndSumsInOneStep() {
    assertThat(new Contiguous().operations(Operand.FUSED_OUT, Operand.TOPK_WEIGHTS, ROWS))
        .containsExactly(
            new ReduceOperation.Reduce(
                Operand.FUSED_OUT, Operand.TOPK_IDS, Operand.TOPK_WEIGHTS, List.of(), ROWS));
  }

  @Test
  void contiguousDoesNotWeightAgainWhatWasWeightedOnInput() {
    assertThat(new Contiguous().operations(Operand.FUSED_OUT, null, ROWS))
        .containsExactly(
            new ReduceOperation.Reduce(Operand.FUSED_OUT, Operand.TOPK_IDS, null, List.of(), ROWS));
  }

  @Test
  void naiveBatchedReadsWhereDispatchPutEachPair() {
    assertThat(new NaiveBatched().operations(Operand.FUSED_OUT, Operand.TOPK_WEIGHTS, ROWS))
        .containsExactly(
            new ReduceOperation.BatchedReduce(
                Operand.FUSED_OUT,
                Operand.TOPK_IDS,
                Operand.DISPATCH_ROWS,
                Operand.TOPK_WEIGHTS,
                ROWS));
  }

  @Test
  void delegateThrowsWhenCarriedOut() {
    assertThatThrownBy(
            () -> new Delegate().operations(Operand.FUSED_OUT, Operand.TOPK_WEIGHTS, ROWS))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("Delegate", "prepare/finalize must resolve it");
  }
}
