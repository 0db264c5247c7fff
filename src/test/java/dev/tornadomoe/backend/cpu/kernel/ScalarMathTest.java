package dev.tornadomoe.backend.cpu.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.tornadomoe.layer.Activation;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalarMathTest {

  @Test
  void exponentialIsGoodToTwoUnitsInTheLastPlace() {
    for (float x = -86; x <= 87; x += 0.00917f) {
      double exact = Math.exp(x);
      assertThat(Math.abs(ScalarMath.exp(x) - exact))
          .isLessThanOrEqualTo(2 * Math.ulp((float) exact));
    }
  }

  @Test
  void exponentialStaysFiniteAndKeepsNaN() {
    assertThat(ScalarMath.exp(Float.NEGATIVE_INFINITY)).isBetween(0f, 1e-37f);
    assertThat(ScalarMath.exp(1000f)).isFinite().isGreaterThan(1e37f);
    assertThat(ScalarMath.exp(Float.NaN)).isNaN();
    assertThat(ScalarMath.exp(0f)).isEqualTo(1f);
  }

  /// Values from the functions' definitions, computed with 20 digits.
  @ParameterizedTest
  @CsvSource({
    "SILU, 1, 0.73105857863",
    "SILU, -2, -0.23840584404",
    "GELU, 1, 0.84134474607",
    "GELU, -0.5, -0.15426876936",
    "GELU_TANH, 1, 0.84119199061",
    "GELU_TANH, -0.5, -0.15428599017",
    "RELU, -3, 0",
    "RELU, 2.5, 2.5",
    "RELU_SQUARED, 3, 9",
    "RELU_SQUARED, -3, 0",
    "SWIGLU_OAI, 1, 0.84579576593",
    "SWIGLU_OAI, 9, 6.99995312831",
    "SWIGLU_CLAMPED, 1, 0.73105857863",
    "SWIGLU_CLAMPED, 9, 6.99362264164",
    "SWIGLU_STEP, 2, 1.76159415596",
    "SWIGLU_STEP, 9, 7"
  })
  void activatesAsDefined(Activation.Function function, float x, float expected) {
    Activation activation =
        switch (function) {
          case SWIGLU_OAI -> Activation.swigluOai(7);
          case SWIGLU_CLAMPED -> Activation.swigluClamped(7);
          case SWIGLU_STEP -> Activation.swigluStep(7);
          default -> new Activation(function, Float.POSITIVE_INFINITY, 1);
        };
    assertThat(ScalarMath.activate(activation, x)).isCloseTo(expected, withPercentage(2e-4));
  }

  @Test
  void clampsTheOtherHalfOfSwigluOai() {
    Activation activation = Activation.swigluOai(7);
    assertThat(ScalarMath.gated(activation, 3f)).isEqualTo(4f);
    assertThat(ScalarMath.gated(activation, 30f)).isEqualTo(8f);
    assertThat(ScalarMath.gated(activation, -30f)).isEqualTo(-6f);
    assertThat(ScalarMath.gated(Activation.SILU, -30f)).isEqualTo(-30f);
  }

  @Test
  void clampsUpWithoutAddingToIt() {
    for (Activation activation : List.of(Activation.swigluClamped(7), Activation.swigluStep(7))) {
      assertThat(ScalarMath.gated(activation, 3f)).isEqualTo(3f);
      assertThat(ScalarMath.gated(activation, 30f)).isEqualTo(7f);
      assertThat(ScalarMath.gated(activation, -30f)).isEqualTo(-7f);
    }
  }
}
