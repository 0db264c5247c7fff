package dev.tornadomoe.tensor;

/// FP8 E4M3 ("FN": no infinities, 0x7F and 0xFF are NaN), bias 7, as in
/// [OFP8](https://www.opencompute.org/documents/ocp-8-bit-floating-point-specification-ofp8-revision-1-0-2023-12-01-pdf-1).
public final class Float8E4M3 {
  /// The largest number.
  public static final float MAX = 448;

  private static final float SMALLEST_NORMAL = 0x1p-6f;
  private static final float[] DECODED = new float[256];

  static {
    for (int bits = 0; bits < 256; bits++) {
      DECODED[bits] = decode((byte) bits);
    }
  }

  private Float8E4M3() {}

  /// {@return the value, exactly}
  ///
  /// @param bits sign, 4 of exponent, 3 of mantissa
  public static float toFloat(byte bits) {
    return DECODED[bits & 0xFF];
  }

  /// Rounds to the nearest, to an even mantissa in the middle; what is larger than [#MAX] becomes
  /// that.
  ///
  /// @param value any
  /// @return the bits of the nearest value
  public static byte fromFloat(float value) {
    int sign = Float.floatToRawIntBits(value) >>> 24 & 0x80;
    if (Float.isNaN(value)) {
      return (byte) (sign | 0x7F);
    }
    float magnitude = Math.min(Math.abs(value), MAX);
    if (magnitude < SMALLEST_NORMAL) {
      return (byte) (sign | (int) Math.rint(magnitude * 0x1p9f));
    }
    // Drops 20 of the 23 bits of an F32 mantissa, and moves the exponent's bias from 127 to 7.
    int bits = Float.floatToRawIntBits(magnitude);
    int rounded = (bits + 0x7FFFF + (bits >>> 20 & 1)) >>> 20;
    return (byte) (sign | rounded - (120 << 3));
  }

  private static float decode(byte bits) {
    int magnitude = bits & 0x7F;
    if (magnitude == 0x7F) {
      return Float.NaN;
    }
    int exponent = magnitude >>> 3;
    int mantissa = magnitude & 7;
    float value =
        exponent == 0
            ? Math.scalb((float) mantissa, -9)
            : Math.scalb((float) (mantissa + 8), exponent - 10);
    return bits < 0 ? -value : value;
  }
}
