package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What the 4-bit storage formats share when they become an [Int4Matrix]: group lengths, the order
/// of act-order columns, zero points, and the checks of scales and group indices.
final class Int4Parts {
  /// Scales that are looked at together.
  private static final int AT_ONCE = 2048;

  private Int4Parts() {}

  /// The length of a group, the whole row where the config announces none (0).
  static int columnsPerScale(int groupSize, int columns) {
    return groupSize == 0 ? columns : groupSize;
  }

  /// The order in which act-order columns are stored once they are sorted by group, or null when
  /// they are in the activations' order already.
  ///
  /// @param file what messages call the file
  /// @param groupOf `[columns]`, each column's group
  /// @throws CheckpointException unless every group has `groupSize` columns, the last one the rest
  static int @Nullable [] columnOrder(String file, TensorView groupOf, int columns, int groupSize) {
    int groups = Math.ceilDiv(columns, groupSize);
    int[] next = new int[groups];
    int[] order = new int[columns];
    boolean sorted = true;
    for (int column = 0; column < columns; column++) {
      long group = groupOf.getLong(column);
      if (group < 0 || group >= groups) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" puts column %d into group %d, expected 0 to %d",
                file,
                groupOf.name(),
                column,
                group,
                groups - 1));
      }
      int g = (int) group;
      int size = Math.min(groupSize, columns - g * groupSize);
      if (next[g] == size) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" puts more than %d columns into group %d",
                file,
                groupOf.name(),
                size,
                g));
      }
      int position = g * groupSize + next[g]++;
      order[position] = column;
      sorted &= position == column;
    }
    return sorted ? null : order;
  }

  /// Zero points as the bytes of [Int4Matrix], or null when all are 8.
  ///
  /// @param zeroOf the zero point of a row's group
  static @Nullable MemorySegment zeros(int rows, int groups, Arena arena, ZeroPoint zeroOf) {
    byte[] zeros = new byte[Math.multiplyExact(rows, groups)];
    boolean symmetric = true;
    for (int row = 0, at = 0; row < rows; row++) {
      for (int group = 0; group < groups; group++, at++) {
        zeros[at] = (byte) zeroOf.at(row, group);
        symmetric &= zeros[at] == Int4Matrix.SYMMETRIC_ZERO;
      }
    }
    if (symmetric) {
      return null;
    }
    MemorySegment segment = arena.allocate(zeros.length, 64);
    MemorySegment.copy(zeros, 0, segment, ValueLayout.JAVA_BYTE, 0, zeros.length);
    return segment;
  }

  /// The words of a tensor of packed zero points, in an array: each is read eight times.
  static int[] words(TensorView packed) {
    int[] words = new int[Math.toIntExact(packed.shape().elements())];
    packed.getBits(0, words.length, words);
    return words;
  }

  /// Reads one zero point from the file's own layout.
  @FunctionalInterface
  interface ZeroPoint {
    int at(int row, int group);
  }

  /// Refuses scales that can't be right: a zero loses its group, an infinity or NaN everything.
  static void requireUsable(String file, TensorView scales) {
    long count = scales.shape().elements();
    int infinity = infinity(scales.dtype());
    int magnitude = scales.dtype().bits() == 32 ? Integer.MAX_VALUE : Short.MAX_VALUE;
    int[] bits = new int[(int) Math.min(count, AT_ONCE)];
    for (long from = 0; from < count; from += AT_ONCE) {
      int part = (int) Math.min(AT_ONCE, count - from);
      scales.getBits(from, part, bits);
      for (int i = 0; i < part; i++) {
        int size = bits[i] & magnitude;
        if (size == 0 || size >= infinity) {
          throw unusable(file, scales, from + i);
        }
      }
    }
  }

  /// The bits of a type's infinity, which only those of a NaN exceed.
  private static int infinity(DType type) {
    return switch (type) {
      case F16 -> 0x7C00;
      case BF16 -> 0x7F80;
      case F32 -> 0x7F80_0000;
      default -> throw new IllegalArgumentException("scales of " + type);
    };
  }

  private static CheckpointException unusable(String file, TensorView scales, long at) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" has scale %s at element %d, expected a finite number other than"
                + " 0",
            file,
            scales.name(),
            scales.getFloat(at),
            at));
  }
}
