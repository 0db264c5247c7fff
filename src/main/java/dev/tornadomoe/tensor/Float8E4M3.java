package dev.tornadomoe.tensor;

/// FP8 E4M3 ("FN": no infinities, 0x7F and 0xFF are NaN), bias 7, as in
/// [OFP8](https://www.opencompute.org/documents/ocp-8-bit-floating-point-specification-ofp8-revision-1-0-2023-12-01-pdf-1).
public final class Float8E4M3 {
  private static final float[] DECODED = new float[256];

  static {
    for (int bits = 0; bits < 256; bits++) {
      DECODED[bits] = decode((byte) bits);
    }
  }

  private Float8E4M3() {}

  /// Exact.
  public static float toFloat(byte bits) {
    return DECODED[bits & 0xFF];
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
