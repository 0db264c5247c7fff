package dev.tornadomoe.tornado;

import dev.tornadomoe.tornado.kernel.Flags;

/// How a projection's rows are split among work-items.
///
/// @param threads work-items of a group, a power of two and at least 16
/// @param rowsPerItem rows that each of them takes: one of each of so many blocks of 8 (1, 2, 4 or
///   8) where a group sums through local memory, or a group's width apart where it makes a tile for
///   many tokens
record Split(int threads, int rowsPerItem) {
  /// Rows of a tile.
  int tileRows() {
    return threads * rowsPerItem;
  }

  /// Tiles that so many rows take.
  int tiles(int rows) {
    return Math.ceilDiv(rows, tileRows());
  }

  /// Groups that so many rows take, where groups sum through local memory.
  int groups(int rows) {
    return Math.ceilDiv(rows, 8 * rowsPerItem);
  }

  /// What the kernels of such groups add to their flags.
  int flags() {
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
  int localFloats(int matrices, int tokens) {
    return threads * (rowsPerItem * matrices * tokens + 1);
  }
}
