package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.TileKernels;

/// How a projection's rows are split among work-items.
///
/// @param threads work-items of a group, a power of two and at least 16
/// @param rowsPerItem rows that each of them takes, 1, 2, 4 or 8: one of each of so many blocks of
///   8 where a group sums through local memory, or of each matrix where it makes a tile for many
///   tokens
public record GroupShape(int threads, int rowsPerItem) {
  /// Rows of a tile.
  int tileRows() {
    return TileKernels.LANES * rowsPerItem;
  }

  /// Tiles that so many rows take.
  public int tiles(int rows) {
    return Math.ceilDiv(rows, tileRows());
  }

  /// Groups that so many rows take, where groups sum through local memory.
  public int groups(int rows) {
    return Math.ceilDiv(rows, 8 * rowsPerItem);
  }

  /// What the kernels of such groups add to their flags.
  public int flags() {
    return Flags.group(threads, rowsPerItem);
  }

  /// Whether such a group has a work-item for each of its outputs.
  ///
  /// @param matrices that it multiplies by, gate and up or down alone
  /// @param tokens of the group
  boolean hasItems(int matrices, int tokens) {
    return threads >= 8 * rowsPerItem * matrices * tokens;
  }

  /// Floats of local memory that such a group takes.
  public int localFloats(int matrices, int tokens) {
    return threads * (rowsPerItem * matrices * tokens + 1);
  }

  /// Whether a tile's work-items have whole shares of its pairs, activations and weights, and sums
  /// enough in registers.
  ///
  /// @param matrices that it multiplies by
  /// @param tokens of a block
  /// @param mostSums of a work-item
  boolean isTile(int matrices, int tokens, int mostSums) {
    int pairs = TileKernels.LANES * tokens / threads;
    return threads >= TileKernels.LANES
        && threads <= TileKernels.COLUMNS * tokens
        && threads <= tileRows() * matrices
        && matrices * rowsPerItem * pairs <= mostSums;
  }

  /// Floats of local memory that a tile takes.
  ///
  /// @param matrices that it multiplies by
  /// @param tokens of a block
  public int tileFloats(int matrices, int tokens) {
    return TileKernels.localFloats(matrices * tileRows(), tokens);
  }
}
