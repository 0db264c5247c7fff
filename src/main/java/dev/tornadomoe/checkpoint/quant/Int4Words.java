package dev.tornadomoe.checkpoint.quant;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Puts the columns of an [dev.tornadomoe.tensor.Int4Matrix]'s words into another order, for
/// act-order files.
final class Int4Words {
  private static final ValueLayout.OfInt WORD =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Int4Words() {}

  /// Sorts a whole matrix, a row at a time.
  ///
  /// @param words `[rows, ceil(columns / 8)]` in the activations' order
  /// @param order for each column of the result where it is taken from, a number for each column
  /// @return words of the same shape
  static MemorySegment sorted(MemorySegment words, int rows, int[] order, Arena arena) {
    int perRow = Math.ceilDiv(order.length, 8);
    MemorySegment sorted = arena.allocate((long) rows * perRow * 4, 64);
    int[] from = new int[perRow];
    int[] to = new int[perRow];
    for (int row = 0; row < rows; row++) {
      long at = (long) row * perRow * 4;
      MemorySegment.copy(words, WORD, at, from, 0, perRow);
      sort(from, order, to);
      MemorySegment.copy(to, 0, sorted, WORD, at, perRow);
    }
    return sorted;
  }

  private static void sort(int[] from, int[] order, int[] to) {
    for (int word = 0; word < to.length; word++) {
      int end = Math.min(order.length, word * 8 + 8);
      int bits = 0;
      for (int column = word * 8; column < end; column++) {
        int source = order[column];
        int nibble = (from[source >>> 3] >>> ((source & 7) * 4)) & 15;
        bits |= nibble << ((column & 7) * 4);
      }
      to[word] = bits;
    }
  }
}
