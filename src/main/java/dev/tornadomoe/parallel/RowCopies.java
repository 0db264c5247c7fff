package dev.tornadomoe.parallel;

import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/// Copies of rows within a rank, on all cores where they are many: one core copies at a fraction of
/// the memory's speed.
final class RowCopies {
  /// What is worth its own thread.
  private static final long PART_BYTES = 256 << 10;

  private RowCopies() {}

  /// Copies each of some rows; no two of them to the same memory.
  ///
  /// @param rowBytes of each
  /// @param copy copies the row with a number from 0
  static void copy(int rows, long rowBytes, IntConsumer copy) {
    int rowsOfPart = (int) Math.max(1, PART_BYTES / rowBytes);
    if (rows <= rowsOfPart) {
      copy(0, rows, copy);
    } else {
      IntStream.range(0, Math.ceilDiv(rows, rowsOfPart))
          .parallel()
          .map(part -> part * rowsOfPart)
          .forEach(first -> copy(first, Math.min(rows, first + rowsOfPart), copy));
    }
  }

  private static void copy(int first, int end, IntConsumer copy) {
    for (int row = first; row < end; row++) {
      copy.accept(row);
    }
  }
}
