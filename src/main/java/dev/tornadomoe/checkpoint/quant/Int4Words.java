package dev.tornadomoe.checkpoint.quant;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Writes the words of an [dev.tornadomoe.tensor.Int4Matrix] nibble by nibble, for stored layouts
/// that need their columns put into another order.
final class Int4Words {
  private static final ValueLayout.OfInt WORD =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Int4Words() {}

  /// Writes a whole matrix.
  ///
  /// @param nibbles the four bits of each element, in the lowest four bits
  /// @return `[rows, ceil(columns / 8)]` words
  static MemorySegment write(int rows, int columns, Arena arena, Nibbles nibbles) {
    int perRow = Math.ceilDiv(columns, 8);
    MemorySegment words = arena.allocate((long) rows * perRow * 4, 64);
    for (int row = 0; row < rows; row++) {
      for (int first = 0; first < columns; first += 8) {
        int word = 0;
        for (int i = 0; i < Math.min(8, columns - first); i++) {
          word |= (nibbles.at(row, first + i) & 15) << (4 * i);
        }
        words.set(WORD, ((long) row * perRow + first / 8) * 4, word);
      }
    }
    return words;
  }

  /// Reads one nibble from the file's own layout.
  @FunctionalInterface
  interface Nibbles {
    /// Returns the nibble in the lowest four bits; the others are ignored.
    int at(int row, int column);
  }
}
