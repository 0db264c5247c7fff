package dev.tornadomoe.tensor;

/// FP4 E2M1: a sign, two bits of exponent with bias 1, one of mantissa, as in [OCP MX
/// 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf). No
/// infinities, no NaN.
public final class Float4E2M1 {
  private static final float[] DECODED = {
    0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6
  };

  private Float4E2M1() {}

  /// {@return the value, exactly: 0, 0.5, 1, 1.5, 2, 3, 4 or 6, or one of these below zero}
  ///
  /// @param bits the lowest four count
  public static float toFloat(int bits) {
    return DECODED[bits & 15];
  }
}
