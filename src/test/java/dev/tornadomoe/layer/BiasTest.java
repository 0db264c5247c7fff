package dev.tornadomoe.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BiasTest {
  private static final TensorView VALUES = HeapTensors.f16("b", Shape.of(6), 0, 1, 2, 3, 4, 5);

  @Test
  void takesAWholeTensor() {
    assertThat(Bias.of(VALUES).size()).isEqualTo(6);
    assertThat(Bias.of(VALUES).toFloats()).containsExactly(0, 1, 2, 3, 4, 5);
  }

  @Test
  void takesEverySecondElementOrHalf() {
    assertThat(new Bias(VALUES, 3, 0, 2).toFloats()).containsExactly(0, 2, 4);
    assertThat(new Bias(VALUES, 3, 1, 2).toFloats()).containsExactly(1, 3, 5);
    assertThat(new Bias(VALUES, 3, 3, 1).toFloats()).containsExactly(3, 4, 5);
  }

  @ParameterizedTest
  @CsvSource({
    "7, 0, 1",
    "4, 3, 1",
    "4, 0, 2",
    "3, 2, 2",
    "1, 6, 1",
    "1, -1, 1",
    "1, 0, 0",
    "-1, 0, 1"
  })
  void refusesElementsThatAreNotThere(int size, int first, int step) {
    assertThatThrownBy(() -> new Bias(VALUES, size, first, step))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"b\"", "F16", "[6]", size + " elements", "from " + first);
  }

  @Test
  void refusesWhatIsNoVectorOfFloats() {
    TensorView matrix = HeapTensors.f32("m", Shape.of(2, 1), 1, 2);
    assertThatThrownBy(() -> Bias.of(matrix))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"m\"", "[2, 1]");
    TensorView scalar = HeapTensors.f32("s", Shape.of(), 1);
    assertThatThrownBy(() -> Bias.of(scalar)).isInstanceOf(LayerException.class);
    TensorView integers = HeapTensors.i32("i", Shape.of(2), 1, 2);
    assertThatThrownBy(() -> Bias.of(integers))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"i\"", "I32");
    TensorView codes = HeapTensors.of("c", DType.F8_E4M3, Shape.of(2), new byte[2]);
    assertThatThrownBy(() -> Bias.of(codes))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"c\"", "F8_E4M3", "F32, F16 or BF16");
  }
}
