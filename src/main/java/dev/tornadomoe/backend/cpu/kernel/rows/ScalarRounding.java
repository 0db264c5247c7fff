package dev.tornadomoe.backend.cpu.kernel.rows;

import dev.tornadomoe.backend.cpu.kernel.ScalarMath;

/// Rounds activations one by one.
public final class ScalarRounding {
  private ScalarRounding() {}

  /// See [Rounding#round].
  public static int round(float[] row, int from, int count, float inverse, int[] factors, int to) {
    int sum = 0;
    int before = 0;
    for (int i = 0; i < count; i++) {
      int own = whole(row[from + i], inverse);
      sum += own;
      int factor = i % Int4Groups.QUAD == 0 ? own : own - 16 * before;
      factors[to + i] = (factor & 0xFFFF) * RoundedRows.TWICE;
      before = own;
    }
    return sum;
  }

  /// To the nearest, ties to even. A NaN becomes 0.
  private static int whole(float value, float inverse) {
    return (int) (value * inverse + ScalarMath.ROUNDER - ScalarMath.ROUNDER);
  }
}
