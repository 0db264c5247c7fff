package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;

/// Multiplies a block of rows by one token in one go, without sums that go through memory: decode
/// waits for weights, and must not pause between two readings.
abstract class Int4OneToken {

  /// Multiplies a block.
  ///
  /// @param from the block's first byte
  /// @param y results from `to` on
  abstract void multiply(long from, StagedRows x, int token, float[] y, int to);
}
