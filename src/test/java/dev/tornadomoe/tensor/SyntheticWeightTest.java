package dev.tornadomoe.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Percentage.withPercentage;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SyntheticWeightTest {
  /// Two tiles of FP8 down, three across.
  private static final int ROWS = 256;

  private static final int COLUMNS = 384;

  static List<WeightFormat> formats() {
    return List.of(
        WeightFormat.int4(DType.BF16, 32, false, false),
        WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0),
        WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128),
        WeightFormat.dense(DType.BF16),
        WeightFormat.dense(DType.F16),
        WeightFormat.dense(DType.F32));
  }

  @ParameterizedTest
  @MethodSource("formats")
  void hasTheFormatAndTheSpreadThatItSays(WeightFormat format) {
    Weight weight = Weight.synthetic("w", ROWS, COLUMNS, format, 3);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      assertThat(matrix.format()).isEqualTo(format);
      float[] row = new float[COLUMNS];
      double squares = 0;
      for (int r = 0; r < ROWS; r++) {
        matrix.decodeRow(r, row);
        for (float element : row) {
          squares += (double) element * element;
        }
      }
      // FP8's tiles are few, and each has a random scale.
      double spread = Math.sqrt(squares / (ROWS * COLUMNS));
      assertThat(spread).isCloseTo(1 / Math.sqrt(COLUMNS), withPercentage(30));
    }
  }

  @Test
  void refusesFormatsThatItCantMake() {
    WeightFormat zeroPoints = WeightFormat.int4(DType.BF16, 32, true, false);
    assertThatThrownBy(() -> Weight.synthetic("w", ROWS, COLUMNS, zeroPoints, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("weights of int4 g32 (BF16 scales, zero points) can't be made up");
  }
}
