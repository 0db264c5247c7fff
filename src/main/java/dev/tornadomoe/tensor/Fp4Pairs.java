package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/// Runs of E2M1 elements, two to a byte, the first in the lower nibble.
final class Fp4Pairs {
  private Fp4Pairs() {}

  /// Writes `count` elements times a scale.
  ///
  /// @param from the first one's byte
  static void decode(
      MemorySegment packed, long from, int count, float scale, float[] target, int at) {
    int pairs = count / 2;
    for (int i = 0; i < pairs; i++) {
      int pair = packed.get(JAVA_BYTE, from + i);
      target[at + 2 * i] = Float4E2M1.toFloat(pair) * scale;
      target[at + 2 * i + 1] = Float4E2M1.toFloat(pair >>> 4) * scale;
    }
    if (count % 2 != 0) {
      target[at + count - 1] = Float4E2M1.toFloat(packed.get(JAVA_BYTE, from + pairs)) * scale;
    }
  }
}
