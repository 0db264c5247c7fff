package dev.tornadomoe.backend.cpu;

/// How many rows of a projection one work item computes.
final class RowTile {
  /// What kernels go through at once, and little enough that a decode step has items for everybody.
  private static final int USUAL = 64;

  /// Little enough that a tile's weights stay in cache for all tokens.
  static final int MOST = 256;

  /// How many items a thread should have, so that the last ones finish together.
  private static final int ITEMS = 64;

  private RowTile() {}

  /// Small steps are cut finer, so that every thread gets something; large ones coarser, so that
  /// activations are staged less often.
  ///
  /// @param rows of one group
  /// @param groups that go through so many rows
  static int of(int rows, int groups, int threads) {
    long all = (long) rows * groups;
    long share = Math.ceilDiv(all, 2L * threads);
    if (share < USUAL) {
      return Math.max(1, Math.toIntExact(Math.ceilDiv(share, CpuMatrix.ROW_BLOCK)))
          * CpuMatrix.ROW_BLOCK;
    }
    long tile = Math.ceilDiv(all, (long) ITEMS * threads * USUAL) * USUAL;
    return Math.clamp(tile, USUAL, MOST);
  }

  /// Rows rounded up to what kernels write.
  static int stride(int rows) {
    return Math.ceilDiv(rows, CpuMatrix.ROW_BLOCK) * CpuMatrix.ROW_BLOCK;
  }
}
