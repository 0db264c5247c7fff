package dev.tornadomoe.backend.cpu.kernel.choice;

import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.kernel;
import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.matrix;
import static dev.tornadomoe.backend.cpu.kernel.choice.KernelMatrices.multiply;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// How far the fast precision's products are off, against sums in double.
class RoundedProductsTest {
  private CpuKernels vector;

  @BeforeEach
  void needsTheVectorApi() {
    String missing = KernelChoice.whyNotVector();
    assumeTrue(missing == null, missing);
    vector = new VectorKernels();
  }

  static Stream<Arguments> matrices() {
    return KernelMatrices.int4Matrices();
  }

  /// With whole weights and activations, a power of two for scale, nothing is rounded anywhere.
  @ParameterizedTest
  @MethodSource("matrices")
  void roundedProductsAreExactWhereNothingHasToBeRounded(
      WeightFormat format, int rows, int columns) {
    WeightMatrix matrix = matrix(format, rows, columns);
    float[] weights = new float[columns];
    float[] x = new float[columns];
    for (int c = 0; c < columns; c++) {
      x[c] = c % 2 == 0 ? 1 : -1; // all of one magnitude, which the scale then hits
    }
    try (Arena arena = Arena.ofConfined()) {
      float[] y = multiply(vector, kernel(vector, matrix, Precision.FAST, arena), x, 1);
      for (int r = 0; r < rows; r++) {
        matrix.decodeRow(r, weights);
        double expected = 0;
        double magnitudes = 0;
        for (int c = 0; c < columns; c++) {
          expected += (double) weights[c] * x[c];
          magnitudes += Math.abs(weights[c]);
        }
        // 127.4 is rounded to 127, for all activations alike.
        assertThat((double) y[r]).isCloseTo(expected, offset(0.005 * magnitudes));
      }
    }
  }

  /// What can be promised of a single element: activations are off by half a step of their chunk's
  /// rounding at most, whose steps are so fine that magnitudes add up to 4078.
  @ParameterizedTest
  @MethodSource("matrices")
  void roundedProductsAreOffByHalfAStepOfTheRoundingAtMost(
      WeightFormat format, int rows, int columns) {
    WeightMatrix matrix = matrix(format, rows, columns);
    int group = Math.min(format.groupSize(), columns);
    float[] weights = new float[columns];
    float[] x = Rows.random(columns, 81);
    x[columns / 2] *= 100;
    try (Arena arena = Arena.ofConfined()) {
      float[] y = multiply(vector, kernel(vector, matrix, Precision.FAST, arena), x, 1);
      for (int r = 0; r < rows; r++) {
        matrix.decodeRow(r, weights);
        double expected = 0;
        double bound = 0;
        for (int from = 0; from < columns; from += group) {
          int end = Math.min(from + group, columns);
          for (int chunk = from; chunk < end; chunk += 32) {
            double activations = 0;
            double magnitudes = 0;
            for (int c = chunk; c < Math.min(chunk + 32, end); c++) {
              expected += (double) weights[c] * x[c];
              activations += Math.abs(x[c]);
              magnitudes += Math.abs(weights[c]);
            }
            // A thousandth and a millionth for what F32 rounds.
            bound += 0.5005 / 4078 * activations * magnitudes + 1e-6 * activations * magnitudes;
          }
        }
        assertThat((double) y[r]).isCloseTo(expected, offset(bound));
      }
    }
  }
}
