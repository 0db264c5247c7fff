package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;

/// 4-bit weights times F32 activations, scalar: the sums of a group, then times its scale, like
/// [VectorInt4] to the bit.
public final class ScalarInt4 extends Int4Kernel {
  public ScalarInt4(Int4Blocks blocks) {
    super(blocks);
  }

  @Override
  public RowForm form() {
    return new RowForm.Floats(groups);
  }

  @Override
  public int workSize() {
    return 0;
  }

  @Override
  public void multiply(int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row++) {
      for (int token = 0; token < x.tokens(); token++) {
        y[token * yStride + row - rowFrom] = dot(row, x, token);
      }
    }
  }

  private float dot(int row, StagedRows x, int token) {
    int at = token * groups.paddedColumns();
    int sumAt = token * groups.count();
    float sum = 0;
    for (int group = 0; group < groups.count(); group++) {
      float part = 0;
      for (int quad = 0; quad < groups.quads(group); quad++) {
        int nibbles = blocks.nibbles(row, group, quad);
        for (int i = 0; i < Int4Groups.QUAD; i++, at++) {
          part = Math.fma(nibbles & (15 << (4 * i)), x.floats[at], part);
        }
      }
      part = Math.fma(-8f - blocks.zero(row, group), x.sums[sumAt + group], part);
      sum = Math.fma(part, blocks.scale(row, group), sum);
    }
    return sum;
  }
}
