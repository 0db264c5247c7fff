package dev.tornadomoe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.RowOperation;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LivenessTest {
  private static final Operand A = new Operand("a");
  private static final Operand B = new Operand("b");
  private static final Operand C = new Operand("c");

  private static Step step(int index, int layer, Operation operation) {
    return new Step(index, layer, Phase.EXPERTS, operation);
  }

  @Test
  void reachesFromFirstToLastUse() {
    Liveness liveness =
        Liveness.of(
            List.of(
                step(0, 0, new RowOperation.Copy(A, B)),
                step(1, 0, new RowOperation.Copy(B, C)),
                step(2, 0, new RowOperation.Zero(A)),
                step(3, 0, new RowOperation.Add(C, B))));

    assertThat(liveness.of(0, A)).isEqualTo(new Liveness.Range(0, 2));
    assertThat(liveness.of(0, B)).isEqualTo(new Liveness.Range(0, 3));
    assertThat(liveness.of(0, C)).isEqualTo(new Liveness.Range(1, 3));
  }

  @Test
  void sameOperandOfAnotherLayerIsAnotherValue() {
    Liveness liveness =
        Liveness.of(
            List.of(
                step(0, 0, new RowOperation.Zero(A)),
                step(1, 1, new RowOperation.Copy(B, A)),
                step(2, 1, new RowOperation.Copy(A, B))));

    assertThat(liveness.of(0, A)).isEqualTo(new Liveness.Range(0, 0));
    assertThat(liveness.of(1, A)).isEqualTo(new Liveness.Range(1, 2));
    assertThat(liveness.isUsed(0, B)).isFalse();
  }

  @Test
  void namesWhatNoStepUses() {
    Liveness liveness = Liveness.of(List.of());

    assertThatThrownBy(() -> liveness.of(4, A)).hasMessageContainingAll("layer 4", "a");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2, 3, 5, false",
    "0, 2, 2, 5, true",
    "0, 9, 4, 5, true",
    "4, 5, 0, 9, true",
    "3, 3, 3, 3, true",
    "4, 4, 3, 3, false",
    "6, 8, 0, 5, false"
  })
  void rangesMeetWhenTheyShareAStep(int a, int b, int c, int d, boolean meet) {
    assertThat(new Liveness.Range(a, b).meets(new Liveness.Range(c, d))).isEqualTo(meet);
  }
}
