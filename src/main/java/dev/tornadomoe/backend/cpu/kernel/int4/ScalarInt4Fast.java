package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;

/// 4-bit weights times activations that are whole numbers, scalar, like [VectorInt4Fast] to the
/// bit.
public final class ScalarInt4Fast extends Int4Kernel {
  public ScalarInt4Fast(Int4Blocks blocks) {
    super(blocks);
  }

  @Override
  public RowForm form() {
    return new RowForm.Rounded(groups);
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
    int chunk = token * groups.chunks();
    float sum = 0;
    for (int group = 0; group < groups.count(); group++) {
      int quads = groups.quads(group);
      float zero = blocks.zero(row, group);
      float scale = blocks.scale(row, group);
      for (int done = 0; done < quads; done += Int4Groups.CHUNK, chunk++) {
        int whole = x.biases[chunk];
        for (int quad = done; quad < Math.min(quads, done + Int4Groups.CHUNK); quad++) {
          int nibbles = blocks.nibbles(row, group, quad);
          for (int i = 0; i < Int4Groups.QUAD; i++, at++) {
            whole += (nibbles >>> (4 * i)) * x.factors[at];
          }
        }
        float part = whole << 16; // what is above 16 bits does not count
        if (blocks.zeroPoints()) {
          part = Math.fma(zero, x.totals[chunk], part);
        }
        sum = Math.fma(part * x.scales[chunk], scale, sum);
      }
    }
    return sum;
  }
}
