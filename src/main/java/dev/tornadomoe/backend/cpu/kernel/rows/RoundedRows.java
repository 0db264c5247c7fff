package dev.tornadomoe.backend.cpu.kernel.rows;

/// Stages [RowForm.Rounded]: each chunk of at most 32 activations becomes whole numbers times a
/// scale of its own. The scale is as fine as sums of 16 bits allow: with weights from -8 to 7 a
/// chunk's magnitudes may add up to 4095, which is 8 bits each where all are alike, as llama.cpp's
/// Q8_0 has them, and up to 13 where one is larger than the others. A NaN or an infinity makes the
/// chunk's scale a NaN, so it comes out again.
///
/// What is stored is what lanes of nibbles are multiplied by (`VectorInt4Fast`): of a quad a0..a3
/// the factors a0, a1 - 16 a0, a2 - 16 a1, a3 - 16 a2, modulo 2^16 and twice in an int, since
/// broadcasting an int costs the processor nothing and broadcasting 16 bits does.
final class RoundedRows {
  /// The most that magnitudes may add up to before they are rounded, each up by a half at most; the
  /// last 1 is for the rounding of the sum itself.
  private static final float MOST = Short.MAX_VALUE / 8 - 16 - 1;

  /// Two times the same 16 bits.
  static final int TWICE = 0x10001;

  /// What a nibble without sign is too much by.
  private static final int NIBBLE_ZERO = 8;

  /// Scales below this are taken for zero: their reciprocal would overflow.
  private static final float SMALLEST = 0x1p-100f;

  private static final float HALF = 0x1p16f;

  private RoundedRows() {}

  /// Stages what is in [StagedRows#row].
  static void stage(StagedRows target, Rounding rounding, Int4Groups groups, int token) {
    int to = token * groups.paddedColumns();
    int chunk = token * groups.chunks();
    int column = 0; // of the matrix
    for (int group = 0; group < groups.count(); group++) {
      int end = column + groups.quads(group) * Int4Groups.QUAD;
      while (column < end) {
        int count = Math.min(end - column, Int4Groups.CHUNK * Int4Groups.QUAD);
        int from = StagedRows.ROW_AT + column;
        float scale = scale(target.row, from, count);
        // False for NaN. What is not finite becomes 0.
        float inverse = scale >= SMALLEST ? 1f / scale : 0f;
        int sum = rounding.round(target.row, from, count, inverse, target.factors, to + column);
        target.biases[chunk] = ((-NIBBLE_ZERO * sum) & 0xFFFF) * TWICE;
        target.scales[chunk] = scale / HALF;
        target.totals[chunk] = -HALF * sum;
        chunk++;
        column += count;
      }
    }
  }

  /// NaN where something is not finite.
  private static float scale(float[] row, int from, int count) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    for (int i = from; i < from + count; i += Int4Groups.QUAD) {
      a += Math.abs(row[i]);
      b += Math.abs(row[i + 1]);
      c += Math.abs(row[i + 2]);
      d += Math.abs(row[i + 3]);
    }
    float sum = (a + b) + (c + d);
    return sum <= Float.MAX_VALUE ? sum / MOST : Float.NaN;
  }
}
