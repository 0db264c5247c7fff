package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;

/// How many rows of a projection one work item computes.
public final class RowTile {
  /// Little enough that a tile's weights stay in cache for all tokens.
  static final int MOST = 256;

  /// How many items a thread should have, so that the last ones finish together; with more of them
  /// memory is read in shorter stretches, and each begins with a wait.
  private static final int ITEMS = 8;

  private RowTile() {}

  /// Small steps are cut finer, so that every thread gets something; large ones coarser, so that
  /// activations are staged less often.
  ///
  /// @param rows of one group
  /// @param groups that go through so many rows
  static int of(int rows, int groups, int threads) {
    long all = (long) rows * groups;
    long blocks = Math.ceilDiv(all, (long) ITEMS * threads * CpuMatrix.ROW_BLOCK);
    return Math.clamp(blocks * CpuMatrix.ROW_BLOCK, CpuMatrix.ROW_BLOCK, MOST);
  }

  /// Rows rounded up to what kernels write.
  public static int stride(int rows) {
    return Math.ceilDiv(rows, CpuMatrix.ROW_BLOCK) * CpuMatrix.ROW_BLOCK;
  }
}
