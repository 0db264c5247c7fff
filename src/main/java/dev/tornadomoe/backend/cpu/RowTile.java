package dev.tornadomoe.backend.cpu;

/// How many rows of a projection one work item computes.
final class RowTile {
  /// Enough for a kernel's widest form, and little enough that a tile's weights stay in cache.
  private static final int MOST = 64;

  private RowTile() {}

  /// Small projections are cut finer, so that every thread gets something.
  static int of(int rows, int threads) {
    int share = Math.ceilDiv(rows, 2 * threads);
    int blocks = Math.ceilDiv(share, CpuMatrix.ROW_BLOCK);
    return Math.clamp((long) blocks * CpuMatrix.ROW_BLOCK, CpuMatrix.ROW_BLOCK, MOST);
  }

  /// Rows rounded up to what kernels write.
  static int stride(int rows) {
    return Math.ceilDiv(rows, CpuMatrix.ROW_BLOCK) * CpuMatrix.ROW_BLOCK;
  }
}
