package dev.tornadomoe.backend.cpu.kernel.rows;

/// Stages [RowForm.Floats]: rows with the sum of each group. The kernels leave a quad's nibbles
/// where they are in their 16 bits, so that the second counts 16 times, the third 256 times and the
/// fourth 4096 times too much; activations are divided by that, which is exact.
final class FloatRows {
  private FloatRows() {}

  /// Stages what is in [StagedRows#row].
  static void stage(StagedRows target, Int4Groups groups, int token) {
    int column = 0;
    int to = token * groups.paddedColumns();
    int sumTo = token * groups.count();
    for (int group = 0; group < groups.count(); group++) {
      int count = groups.quads(group) * Int4Groups.QUAD;
      target.sums[sumTo + group] =
          stage(target.row, StagedRows.ROW_AT + column, count, target.floats, to + column);
      column += count;
    }
  }

  /// Four sums side by side: a single one would take four times as long.
  ///
  /// @return the sum of the activations
  private static float stage(float[] row, int from, int count, float[] floats, int to) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    for (int i = 0; i < count; i += Int4Groups.QUAD) {
      a += row[from + i];
      b += row[from + i + 1];
      c += row[from + i + 2];
      d += row[from + i + 3];
      floats[to + i] = row[from + i];
      floats[to + i + 1] = row[from + i + 1] * 0x1p-4f;
      floats[to + i + 2] = row[from + i + 2] * 0x1p-8f;
      floats[to + i + 3] = row[from + i + 3] * 0x1p-12f;
    }
    return (a + b) + (c + d);
  }
}
