package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SyntheticWeightTest {
  /// Two tiles of FP8 down, three across.
  private static final int ROWS = 256;

  private static final int COLUMNS = 384;

  @ParameterizedTest
  @EnumSource
  void hasTheFormatAndTheSpreadThatItSays(MeasuredLayers.Weights weights) {
    SyntheticWeight weight = new SyntheticWeight("w", ROWS, COLUMNS, weights.format(), 3);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      assertThat(matrix.format()).isEqualTo(weights.format());
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
}
