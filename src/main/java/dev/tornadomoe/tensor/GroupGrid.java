package dev.tornadomoe.tensor;

import java.util.Locale;

/// One number, a scale or a zero point, for each block of rows and columns of a matrix: per tensor,
/// per row, per group of columns or per tile. Tiles at the edges may be ragged.
///
/// @param values the numbers, of any shape; strides say where they are
/// @param rows which stored rows the matrix has
/// @param rowsPerValue stored rows that share one, 0 for all
/// @param columnsPerValue columns that share one, 0 for all
/// @param rowStride elements from one block of rows to the next
/// @param columnStride elements from one block of columns to the next
public record GroupGrid(
    TensorView values,
    RowSelection rows,
    int rowsPerValue,
    int columnsPerValue,
    long rowStride,
    long columnStride) {

  /// {@return a grid in row-major order}
  ///
  /// @param values as many elements as there are blocks
  /// @param rows which rows of the grid's matrix are meant
  /// @param rowsPerValue rows that share a value
  /// @param columnsPerValue columns that share a value
  /// @param groups blocks of columns
  public static GroupGrid rowMajor(
      TensorView values, RowSelection rows, int rowsPerValue, int columnsPerValue, long groups) {
    return new GroupGrid(values, rows, rowsPerValue, columnsPerValue, groups, 1);
  }

  /// {@return how many columns share a value, for a matrix of so many}
  ///
  /// @param columns of the matrix
  public int groupSize(int columns) {
    return columnsPerValue == 0 ? Math.max(1, columns) : columnsPerValue;
  }

  private long index(int row, int group) {
    return block(row) * rowStride + group * columnStride;
  }

  private long block(int row) {
    return rowsPerValue == 0 ? 0 : rows.stored(row) / rowsPerValue;
  }

  /// {@return whether two rows share all their values}
  ///
  /// @param row from 0
  /// @param other from 0
  public boolean shares(int row, int other) {
    return block(row) == block(other);
  }

  /// {@return the scale of a row's group}
  ///
  /// @param row from 0
  /// @param group of columns, from 0
  public float scale(int row, int group) {
    return values.getFloat(index(row, group));
  }

  /// {@return the zero point of a row's group}
  ///
  /// @param row from 0
  /// @param group of columns, from 0
  public int zero(int row, int group) {
    return (int) values.getLong(index(row, group));
  }

  /// @throws IllegalArgumentException when a block has no value
  void requireCovers(int columns) {
    long lastRow = rowsPerValue == 0 || rows.count() == 0 ? 0 : rows.stored(rows.count() - 1);
    long lastBlock = rowsPerValue == 0 ? 0 : lastRow / rowsPerValue;
    long lastGroup = Math.max(0, Math.ceilDiv(columns, groupSize(columns)) - 1);
    long last = lastBlock * rowStride + lastGroup * columnStride;
    if (last >= values.shape().elements()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "%s %s has no element %d", values.name(), values.shape(), last));
    }
  }
}
