package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// 8-bit integer weights, a byte each: `value = (element - zero) * scale`. Elements are -128 to
/// 127, in two's complement or, as packed formats store them, plus 128.
///
/// With act-order each column belongs to the group that a list says; columns themselves are in the
/// activations' order.
public final class Int8Matrix implements WeightMatrix {
  private final int rows;
  private final int columns;
  private final long rowBytes;
  private final MemorySegment data;
  private final int offset;
  private final GroupGrid scales;
  private final @Nullable GroupGrid zeros;
  private final int @Nullable [] groupOf;

  /// Checks the parts against each other.
  ///
  /// @param rows output features
  /// @param columns input features
  /// @param rowBytes from one row to the next
  /// @param data `[rows, rowBytes]`
  /// @param offset 0 for elements in two's complement, 128 for elements stored plus 128
  /// @param scales for each row and group of columns
  /// @param zeros the same for zero points, -128 to 127, or null when all are 0
  /// @param groupOf for each column its group, or null where they follow each other
  /// @throws IllegalArgumentException when the parts do not fit each other
  public Int8Matrix(
      int rows,
      int columns,
      long rowBytes,
      MemorySegment data,
      int offset,
      GroupGrid scales,
      @Nullable GroupGrid zeros,
      int @Nullable [] groupOf) {
    if (rowBytes < columns || data.byteSize() != rows * rowBytes) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "elements have %d bytes, expected %d rows of %d",
              data.byteSize(),
              rows,
              rowBytes));
    }
    if (offset != 0 && offset != 128) {
      throw new IllegalArgumentException("offset " + offset);
    }
    if (groupOf != null && groupOf.length != columns) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "group index has %d entries, expected %d", groupOf.length, columns));
    }
    scales.requireCovers(columns);
    if (zeros != null) {
      zeros.requireCovers(columns);
    }
    this.rows = rows;
    this.columns = columns;
    this.rowBytes = rowBytes;
    this.data = data;
    this.offset = offset;
    this.scales = scales;
    this.zeros = zeros;
    this.groupOf = groupOf;
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
    return new WeightFormat(
        Coding.INT8,
        scales.values().dtype(),
        scales.rowsPerValue(),
        scales.columnsPerValue(),
        zeros != null,
        groupOf != null);
  }

  @Override
  public List<MemorySegment> memory() {
    return zeros == null
        ? List.of(data, scales.values().data())
        : List.of(data, scales.values().data(), zeros.values().data());
  }

  /// {@return the stored bytes `[rows, rowBytes]`}
  public MemorySegment data() {
    return data;
  }

  /// {@return how many bytes lie between the beginnings of two rows}
  public long rowBytes() {
    return rowBytes;
  }

  /// {@return 0 for elements in two's complement, 128 for elements stored plus 128}
  public int offset() {
    return offset;
  }

  /// {@return the scales, for each row and group of columns}
  public GroupGrid scales() {
    return scales;
  }

  /// {@return the zero points, or null when all are 0}
  public @Nullable GroupGrid zeros() {
    return zeros;
  }

  /// {@return whether columns belong to groups in another order than they follow each other}
  public boolean isActOrder() {
    return groupOf != null;
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    int[] order = groupOf;
    if (order != null) {
      for (int column = 0; column < columns; column++) {
        decode(row, order[column], column, column + 1, target, at);
      }
      return;
    }
    int group = scales.groupSize(columns);
    for (int from = 0, g = 0; from < columns; from += group, g++) {
      decode(row, g, from, Math.min(columns - from, group) + from, target, at);
    }
  }

  private void decode(int row, int group, int from, int to, float[] target, int at) {
    float scale = scales.scale(row, group);
    int zero = zeros == null ? 0 : zeros.zero(row, group);
    int flip = offset; // the highest bit of a byte stored plus 128 is the sign, inverted
    long start = row * rowBytes;
    for (int column = from; column < to; column++) {
      int element = (byte) (data.get(JAVA_BYTE, start + column) ^ flip);
      target[at + column] = (element - zero) * scale;
    }
  }
}
