package dev.tornadomoe.backend.cpu.kernel;

import dev.tornadomoe.layer.Activation;
import org.apache.commons.numbers.gamma.Erf;

/// Activations in F32, one element at a time. The exponential is our own, operation by operation
/// the same as [VectorActivation]'s: the JDK's differs between interpreter, compiler and vector,
/// and results may not depend on when a method was compiled.
public final class ScalarMath {
  // exp(x) = 2^n * exp(r) with n = round(x / ln 2), r = x - n ln 2 in two parts, and a polynomial
  // for exp(r); coefficients and split of ln 2 are those of Cephes' expf (Moshier, single
  // precision).
  static final float MAX_EXPONENT = 88f;
  static final float MIN_EXPONENT = -87f;
  static final float LOG2_E = 1.442695f;
  static final float LN2_HIGH = 0.6933594f;
  static final float LN2_LOW = -2.1219444e-4f;
  static final float C0 = 1.9875691e-4f;
  static final float C1 = 1.3981999e-3f;
  static final float C2 = 8.333452e-3f;
  static final float C3 = 4.1665796e-2f;
  static final float C4 = 1.6666666e-1f;
  static final float C5 = 0.5f;

  /// Adding and subtracting it rounds to the nearest whole number, ties to even.
  public static final float ROUNDER = 12582912f;

  static final float SQRT_2_OVER_PI = 0.7978846f;
  static final float GELU_CUBIC = 0.044715f;

  private ScalarMath() {}

  /// exp(x) to about 2 units in the last place; x is clamped to what F32 can hold.
  public static float exp(float x) {
    float clamped = Math.max(Math.min(x, MAX_EXPONENT), MIN_EXPONENT);
    float n = clamped * LOG2_E + ROUNDER - ROUNDER;
    float r = Math.fma(n, -LN2_HIGH, clamped);
    r = Math.fma(n, -LN2_LOW, r);
    float p = Math.fma(r, C0, C1);
    p = Math.fma(p, r, C2);
    p = Math.fma(p, r, C3);
    p = Math.fma(p, r, C4);
    p = Math.fma(p, r, C5);
    float y = Math.fma(p, r * r, r) + 1f;
    return y * Float.intBitsToFloat(((int) n + 127) << 23);
  }

  private static float sigmoidTimes(float argument, float factor) {
    return factor / (1f + exp(-argument));
  }

  public static float activate(Activation activation, float x) {
    return switch (activation.function()) {
      case SILU -> sigmoidTimes(x, x);
      case GELU -> gelu(x);
      case GELU_TANH -> sigmoidTimes(2f * SQRT_2_OVER_PI * Math.fma(GELU_CUBIC * x * x, x, x), x);
      case RELU -> Math.max(x, 0f);
      case RELU_SQUARED -> Math.max(x, 0f) * Math.max(x, 0f);
      case SWIGLU_OAI -> {
        float clamped = Math.min(x, activation.limit());
        yield sigmoidTimes(activation.alpha() * clamped, clamped);
      }
      case SWIGLU_CLAMPED -> {
        float clamped = Math.min(x, activation.limit());
        yield sigmoidTimes(clamped, clamped);
      }
      case SWIGLU_STEP -> Math.min(sigmoidTimes(x, x), activation.limit());
    };
  }

  /// With the error function there is no vector form; models that use it are rare.
  static float gelu(float x) {
    return (float) (0.5 * x * (1 + Erf.value(x / Math.sqrt(2))));
  }

  /// What the activated gate is multiplied by.
  public static float gated(Activation activation, float up) {
    return switch (activation.function()) {
      case SWIGLU_OAI -> clamped(activation, up) + 1f;
      case SWIGLU_CLAMPED, SWIGLU_STEP -> clamped(activation, up) + 0f; // as the vectors do
      case SILU, GELU, GELU_TANH, RELU, RELU_SQUARED -> up;
    };
  }

  private static float clamped(Activation activation, float up) {
    return Math.max(Math.min(up, activation.limit()), -activation.limit());
  }
}
