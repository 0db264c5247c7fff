package dev.tornadomoe.backend.cpu.kernel.rows;

import org.jspecify.annotations.Nullable;

/// Stages [RowForm.Floats]: interleaves rows and adds up each group. The kernels leave a quad's
/// nibbles where they are in their 16 bits, so that the second counts 16 times, the third 256 times
/// and the fourth 4096 times too much; activations are divided by that, which is exact.
final class FloatRows {
  private FloatRows() {}

  static void stage(
      StagedRows target, Int4Groups groups, float[] rows, int @Nullable [] columnOrder) {
    int tokens = target.tokens();
    for (int token = 0; token < tokens; token++) {
      target.takeRow(rows, token, groups.columns(), groups.paddedColumns(), columnOrder);
      int first = Interleaving.unitOf(token);
      int width = Interleaving.width(tokens, first);
      int to = first * groups.paddedColumns() + token - first;
      int sumTo = first * groups.count() + token - first;
      int column = 0;
      for (int group = 0; group < groups.count(); group++, sumTo += width) {
        int count = groups.quads(group) * Int4Groups.QUAD;
        target.sums[sumTo] =
            stage(target.row, StagedRows.ROW_AT + column, count, target.floats, to, width);
        column += count;
        to += count * width;
      }
    }
  }

  /// Four sums side by side: a single one would take four times as long.
  ///
  /// @return the sum of the activations
  private static float stage(float[] row, int from, int count, float[] floats, int to, int width) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int at = to;
    for (int i = from; i < from + count; i += Int4Groups.QUAD, at += 4 * width) {
      a += row[i];
      b += row[i + 1];
      c += row[i + 2];
      d += row[i + 3];
      floats[at] = row[i];
      floats[at + width] = row[i + 1] * 0x1p-4f;
      floats[at + 2 * width] = row[i + 2] * 0x1p-8f;
      floats[at + 3 * width] = row[i + 3] * 0x1p-12f;
    }
    return (a + b) + (c + d);
  }
}
