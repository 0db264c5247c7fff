package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightTest {
  private static final TensorView VALUES =
      HeapTensors.bf16("m.weight", Shape.of(2, 4), 1, 2, 3, 4, 5, 6, 7, 8);

  @Test
  void aDenseWeightIsTheFilesOwnMemory() {
    Weight weight = Weight.dense(VALUES);
    assertThat(weight.name()).isEqualTo("m.weight");
    assertThat(weight.rows()).isEqualTo(2);
    assertThat(weight.columns()).isEqualTo(4);
    assertThat(weight.bytes()).isEqualTo(16);
    assertThat(weight.bytesToLoad()).isZero();
    try (Arena arena = Arena.ofConfined()) {
      assertThat(weight.load(arena)).isEqualTo(new DenseMatrix(VALUES));
      assertThat(row(weight.load(arena), 1)).containsExactly(5, 6, 7, 8);
    }
  }

  @Test
  void aDenseWeightIsAMatrixOfFloats() {
    TensorView vector = HeapTensors.f32("v", Shape.of(2), 1, 2);
    assertThatThrownBy(() -> Weight.dense(vector))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("\"v\"", "[2]");
    TensorView codes = HeapTensors.of("c", DType.F8_E4M3, Shape.of(1, 1), (byte) 0);
    assertThatThrownBy(() -> Weight.dense(codes))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("F8_E4M3");
  }

  @ParameterizedTest
  @CsvSource({
    "4, 0, 1, '[[1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0]]'",
    "2, 0, 1, '[[1.0, 5.0], [2.0, 6.0]]'",
    "2, 2, 1, '[[3.0, 7.0], [4.0, 8.0]]'",
    "2, 0, 2, '[[1.0, 5.0], [3.0, 7.0]]'",
    "2, 1, 2, '[[2.0, 6.0], [4.0, 8.0]]'"
  })
  void aTransposedWeightTakesItsOutputs(int rows, int first, int step, String expected) {
    Weight weight = Weight.transposed(VALUES, rows, first, step);
    assertThat(weight.rows()).isEqualTo(rows);
    assertThat(weight.columns()).isEqualTo(2);
    assertThat(weight.bytesToLoad()).isEqualTo(rows * 2L * 2);
    assertThat(weight.bytes()).isEqualTo(weight.bytesToLoad());
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      float[][] found = new float[rows][];
      Arrays.setAll(found, row -> row(matrix, row));
      assertThat(Arrays.deepToString(found)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 0, 1", "3, 2, 1", "3, 0, 2", "2, 3, 2", "1, -1, 1", "1, 0, 0"})
  void refusesOutputsThatAreNotStored(int rows, int first, int step) {
    assertThatThrownBy(() -> Weight.transposed(VALUES, rows, first, step))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(rows + " outputs from " + first);
  }

  @Test
  void aLoadedWeightIsThere() {
    DenseMatrix matrix = new DenseMatrix(VALUES);
    Weight weight = Weight.of("mine", matrix);
    assertThat(weight.name()).isEqualTo("mine");
    assertThat(weight.rows()).isEqualTo(2);
    assertThat(weight.columns()).isEqualTo(4);
    assertThat(weight.format()).isEqualTo(WeightFormat.dense(DType.BF16));
    assertThat(weight.bytesToLoad()).isZero();
    try (Arena arena = Arena.ofConfined()) {
      assertThat(weight.load(arena)).isSameAs(matrix);
    }
  }

  private static float[] row(WeightMatrix matrix, int row) {
    float[] values = new float[matrix.columns()];
    matrix.decodeRow(row, values);
    return values;
  }
}
