package dev.tornadomoe.tensor;

/// E8M0, a power of two: `2^(bits - 127)`, 255 is NaN, as in [OCP MX
/// 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf).
public final class Float8E8M0 {
  /// 2^-127, which F32 has as a subnormal.
  private static final int LOWEST = 0x0040_0000;

  private Float8E8M0() {}

  /// {@return the power of two, exactly}
  ///
  /// @param bits the exponent plus 127; 255 is NaN
  public static float toFloat(byte bits) {
    int exponent = bits & 0xFF;
    return exponent == 255
        ? Float.NaN
        : Float.intBitsToFloat(exponent == 0 ? LOWEST : exponent << 23);
  }
}
