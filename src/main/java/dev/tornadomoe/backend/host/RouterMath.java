package dev.tornadomoe.backend.host;

/// What routers compute of logits, in F32 as the models' own code: each operation is rounded, so
/// that what is equal there is equal here.
final class RouterMath {
  private RouterMath() {}

  /// Whether a score is chosen before another. A NaN is higher than all numbers, as in
  /// `torch.topk`.
  static boolean isHigher(float score, float other) {
    return score > other || (Float.isNaN(score) && !Float.isNaN(other));
  }

  /// Logits to their softmax. One that is NaN or infinity makes all of them NaN.
  static void softmax(float[] values) {
    float max = Float.NEGATIVE_INFINITY;
    for (float value : values) {
      max = Math.max(max, value);
    }
    double sum = 0; // of so many the order would count otherwise
    for (int i = 0; i < values.length; i++) {
      values[i] = exp(values[i] - max);
      sum += values[i];
    }
    float total = (float) sum;
    for (int i = 0; i < values.length; i++) {
      values[i] /= total;
    }
  }

  /// Logits to their sigmoids: 1 above 17, 0 below -89.
  static void sigmoid(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = 1 / (1 + exp(-values[i]));
    }
  }

  /// Logits to the square roots of their softplus, which for logits above 20 are those of the
  /// logits, as in `torch.nn.functional.softplus`. Far below 0 it is e^x, which is no normal number
  /// any more where its root still is one.
  static void sqrtSoftplus(float[] values) {
    for (int i = 0; i < values.length; i++) {
      float x = values[i];
      values[i] = x < -15 ? exp(x / 2) : (float) Math.sqrt(x > 20 ? x : (float) Math.log1p(exp(x)));
    }
  }

  static float exp(float x) {
    return (float) Math.exp(x);
  }
}
