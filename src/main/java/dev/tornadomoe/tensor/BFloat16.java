package dev.tornadomoe.tensor;

/// bfloat16: the upper half of an IEEE single.
public final class BFloat16 {
  private BFloat16() {}

  /// {@return the value, exactly}
  ///
  /// @param bits of a bfloat16: sign, 8 of exponent, 7 of mantissa
  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /// Rounds to nearest, ties to even; a NaN stays a NaN.
  ///
  /// @param value any
  /// @return the bits of the nearest bfloat16
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40); // keeps it from becoming an infinity
    }
    int roundToEven = 0x7FFF + ((bits >>> 16) & 1);
    return (short) ((bits + roundToEven) >>> 16);
  }
}
