package dev.tornadomoe.tornado;

import dev.tornadomoe.tornado.kernel.Flags;

/// How a projection's rows are split among work-items.
///
/// @param threads work-items of a group, a power of two and at least 16
/// @param rowsPerItem rows that each of them takes: of the 8 of a chunk (1, 2, 4 or 8) where a
///   group makes 8 rows for one token, or a group's width apart where it makes a tile for many
record Split(int threads, int rowsPerItem) {
  /// Rows of a tile.
  int tileRows() {
    return threads * rowsPerItem;
  }

  /// Tiles that so many rows take.
  int tiles(int rows) {
    return Math.ceilDiv(rows, tileRows());
  }

  /// What the kernels for one token add to their flags.
  int flags() {
    return Flags.group(threads, rowsPerItem);
  }

  /// Floats of local memory that those take for `rows` rows of each chunk.
  int localFloats(int rows) {
    return rows / 8 * (rowsPerItem * threads + 8);
  }
}
