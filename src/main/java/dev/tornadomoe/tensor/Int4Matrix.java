package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A 4-bit weight matrix (W4A16), the one form that compressed-tensors, AWQ and GPTQ files become:
/// `value = (nibble - zero) * scale`, with the nibble 0 to 15.
///
/// Nibbles lie eight to a little-endian 32-bit word, lowest column in the lowest bits, each row
/// starting on a word (what compressed-tensors stores; its files are used without a copy). Scales
/// keep the type of the file, so they are exact. Without zero points the zero is 8. Zero points
/// take a byte each.
///
/// Act-order (GPTQ's `desc_act`) sorts the columns by group: stored column j multiplies activation
/// `columnOrder[j]`. So a group is always a run of `groupSize` stored columns, the last one perhaps
/// shorter.
public final class Int4Matrix implements WeightMatrix {
  /// The zero of weights without zero points.
  public static final int SYMMETRIC_ZERO = 8;

  private static final ValueLayout.OfInt WORD =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int rows;
  private final int columns;
  private final int groupSize;
  private final MemorySegment words;
  private final TensorView scales;
  private final @Nullable MemorySegment zeros;
  private final int @Nullable [] columnOrder;

  /// Checks the parts against each other.
  ///
  /// @param rows output features
  /// @param columns input features
  /// @param groupSize columns per scale
  /// @param words `[rows, ceil(columns / 8)]` 32-bit words
  /// @param scales `[rows, ceil(columns / groupSize)]`, F32, F16 or BF16
  /// @param zeros `[rows, ceil(columns / groupSize)]` unsigned bytes, or null when all are 8
  /// @param columnOrder for each stored column the activation it multiplies, or null when that is
  ///   the same column
  /// @throws IllegalArgumentException when the parts do not fit each other
  public Int4Matrix(
      int rows,
      int columns,
      int groupSize,
      MemorySegment words,
      TensorView scales,
      @Nullable MemorySegment zeros,
      int @Nullable [] columnOrder) {
    if (groupSize < 1) {
      throw new IllegalArgumentException("group size " + groupSize);
    }
    long groups = Math.ceilDiv(columns, groupSize);
    requireBytes("words", words, (long) rows * Math.ceilDiv(columns, 8) * 4);
    if (!scales.dtype().isFloat() || !scales.shape().is(rows, groups)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "scales are %s %s, expected F32, F16 or BF16 [%d, %d]",
              scales.dtype(),
              scales.shape(),
              rows,
              groups));
    }
    if (zeros != null) {
      requireBytes("zero points", zeros, rows * groups);
    }
    if (columnOrder != null) {
      requireColumns(columnOrder, columns);
    }
    this.rows = rows;
    this.columns = columns;
    this.groupSize = groupSize;
    this.words = words;
    this.scales = scales;
    this.zeros = zeros;
    this.columnOrder = columnOrder;
  }

  private static void requireBytes(String what, MemorySegment segment, long bytes) {
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "%s have %d bytes, expected %d", what, segment.byteSize(), bytes));
    }
  }

  private static void requireColumns(int[] order, int columns) {
    if (order.length != columns) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "column order has %d entries, expected %d", order.length, columns));
    }
    for (int j = 0; j < columns; j++) {
      if (order[j] < 0 || order[j] >= columns) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "column order has %d at %d, expected 0 to %d",
                order[j],
                j,
                columns - 1));
      }
    }
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.int4(scales.dtype(), groupSize, zeros != null, columnOrder != null);
  }

  @Override
  public List<MemorySegment> memory() {
    return zeros == null ? List.of(words, scales.data()) : List.of(words, scales.data(), zeros);
  }

  /// {@return columns per scale}
  public int groupSize() {
    return groupSize;
  }

  /// {@return how many groups a row has}
  public int groups() {
    return Math.ceilDiv(columns, groupSize);
  }

  /// {@return how many 32-bit words a row has}
  public int wordsPerRow() {
    return Math.ceilDiv(columns, 8);
  }

  /// {@return word `word` of a row: stored columns `8 * word` to `8 * word + 7`, the first in the
  /// lowest bits}
  ///
  /// @param row from 0
  /// @param word from 0
  public int word(int row, int word) {
    return words.get(WORD, ((long) row * wordsPerRow() + word) * 4);
  }

  /// Copies the words of whole rows, one row behind the other: faster than one word at a time.
  ///
  /// @param row the first one
  /// @param count how many rows
  /// @param target has room for `count * wordsPerRow()`
  public void words(int row, int count, int[] target) {
    MemorySegment.copy(
        words, WORD, (long) row * wordsPerRow() * 4, target, 0, count * wordsPerRow());
  }

  /// {@return what the values of a group are multiplied by}
  ///
  /// @param row from 0
  /// @param group of stored columns, from 0
  public float scale(int row, int group) {
    return scales.getFloat((long) row * groups() + group);
  }

  /// {@return the scale as the file has it: the bits of an F32, or in the lower half those of an
  /// F16 or BF16}
  ///
  /// @param row from 0
  /// @param group of stored columns, from 0
  public int scaleBits(int row, int group) {
    return scales.getBits((long) row * groups() + group);
  }

  /// Writes what [#scaleBits(int, int)] says of whole rows, one row behind the other.
  ///
  /// @param row the first one
  /// @param count how many rows
  /// @param target has room for `count * groups()`
  public void scaleBits(int row, int count, int[] target) {
    scales.getBits((long) row * groups(), count * groups(), target);
  }

  /// {@return what is taken off the nibbles of a group before they are scaled, 0 to 15}
  ///
  /// @param row from 0
  /// @param group of stored columns, from 0
  public int zero(int row, int group) {
    return zeros == null
        ? SYMMETRIC_ZERO
        : zeros.get(ValueLayout.JAVA_BYTE, (long) row * groups() + group) & 0xFF;
  }

  /// Writes what [#zero] says of whole rows, one row behind the other.
  ///
  /// @param row the first one
  /// @param count how many rows
  /// @param target has room for `count * groups()`
  public void zeros(int row, int count, int[] target) {
    long first = (long) row * groups();
    for (int i = 0; i < count * groups(); i++) {
      target[i] =
          zeros == null ? SYMMETRIC_ZERO : zeros.get(ValueLayout.JAVA_BYTE, first + i) & 0xFF;
    }
  }

  /// {@return for each stored column the activation that it multiplies, or null when that is the
  /// same column}
  public int @Nullable [] columnOrder() {
    return columnOrder == null ? null : columnOrder.clone();
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    for (int column = 0; column < columns; column++) {
      int nibble = (word(row, column >>> 3) >>> ((column & 7) * 4)) & 15;
      int group = column / groupSize;
      target[at + (columnOrder == null ? column : columnOrder[column])] =
          (nibble - zero(row, group)) * scale(row, group);
    }
  }
}
