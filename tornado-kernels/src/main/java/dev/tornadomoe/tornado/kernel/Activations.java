package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/// The functions between an expert's projections, by their numbers here.
@SuppressWarnings({
  "FloatingPointLiteralPrecision", // the digits that the sources give
  "IfChainToSwitch" // the shape that TornadoVM folds into the one branch a kernel needs
})
public final class Activations {
  public static final int SILU = 0;
  public static final int GELU = 1;
  public static final int GELU_TANH = 2;
  public static final int RELU = 3;
  public static final int RELU_SQUARED = 4;
  public static final int SWIGLU_OAI = 5;
  public static final int SWIGLU_CLAMPED = 6;
  public static final int SWIGLU_STEP = 7;

  private Activations() {}

  /// Of a gate and up value, or of up alone.
  static float apply(float gate, float up, int flags, float limit, float alpha) {
    int function = (flags >> Flags.FUNCTION_SHIFT) & 7;
    float y = 0f;
    if ((flags & Flags.GATED) == 0) {
      y = function(function, limit, alpha, up);
    } else {
      float factor = up;
      if (function >= SWIGLU_OAI) {
        factor = atLeast(atMost(up, limit), -limit);
      }
      if (function == SWIGLU_OAI) {
        factor = factor + 1f;
      }
      y = function(function, limit, alpha, gate) * factor;
    }
    return y;
  }

  static float sigmoid(float x) {
    return 1f / (1f + TornadoMath.exp(-x));
  }

  static float function(int function, float limit, float alpha, float x) {
    float y = 0f;
    if (function == SILU) {
      y = x / (1f + TornadoMath.exp(-x));
    } else if (function == GELU) {
      y = 0.5f * x * (1f + erf(x * 0.70710678f));
    } else if (function == GELU_TANH) {
      y = x / (1f + TornadoMath.exp(-1.5957691f * (x + 0.044715f * x * x * x)));
    } else if (function == RELU) {
      y = atLeast(x, 0f);
    } else if (function == RELU_SQUARED) {
      float positive = atLeast(x, 0f);
      y = positive * positive;
    } else if (function == SWIGLU_STEP) {
      y = atMost(x / (1f + TornadoMath.exp(-x)), limit);
    } else if (function == SWIGLU_CLAMPED) {
      float clamped = atMost(x, limit);
      y = clamped / (1f + TornadoMath.exp(-clamped));
    } else {
      float clamped = atMost(x, limit);
      y = clamped / (1f + TornadoMath.exp(-alpha * clamped));
    }
    return y;
  }

  /// The lower of both. A NaN stays one, which OpenCL's `fmin` would put in order.
  private static float atMost(float x, float most) {
    float y = x;
    if (x > most) {
      y = most;
    }
    return y;
  }

  /// The higher of both, as [#atMost].
  private static float atLeast(float x, float least) {
    float y = x;
    if (x < least) {
      y = least;
    }
    return y;
  }

  /// The error function by a Chebyshev fit, relative error below 1.2e-7 (Press et al., Numerical
  /// Recipes, erfcc).
  static float erf(float x) {
    float z = TornadoMath.abs(x);
    float t = 1f / (1f + 0.5f * z);
    float p = 0.17087277f;
    p = -0.82215223f + t * p;
    p = 1.48851587f + t * p;
    p = -1.13520398f + t * p;
    p = 0.27886807f + t * p;
    p = -0.18628806f + t * p;
    p = 0.09678418f + t * p;
    p = 0.37409196f + t * p;
    p = 1.00002368f + t * p;
    float c = t * TornadoMath.exp(-z * z - 1.26551223f + t * p);
    float y = 1f - c;
    if (x < 0f) {
      y = c - 1f;
    }
    return y;
  }
}
