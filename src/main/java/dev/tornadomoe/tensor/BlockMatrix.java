package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// A matrix in one of ggml's block formats: each row a whole number of blocks.
///
/// @param block the format
/// @param selection which of the stored rows are the matrix
/// @param columns input features
/// @param data `[stored rows, columns / block columns]` blocks
public record BlockMatrix(
    BlockFormat block, RowSelection selection, int columns, MemorySegment data)
    implements WeightMatrix {

  /// Checks the parts against each other.
  ///
  /// @throws IllegalArgumentException when the parts do not fit each other
  public BlockMatrix {
    Coding coding = block.coding();
    long rowBytes = coding.rowBytes(columns);
    if (columns < 1 || columns % coding.columns() != 0 || data.byteSize() % rowBytes != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%d bytes are no rows of %d columns in %s",
              data.byteSize(),
              columns,
              coding.name()));
    }
    selection.requireWithin(data.byteSize() / rowBytes);
  }

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public WeightFormat format() {
    return format(block);
  }

  /// {@return the format of matrices of such blocks}
  ///
  /// @param block of ggml, see [dev.tornadomoe.tensor.block.BlockFormats]
  public static WeightFormat format(BlockFormat block) {
    return WeightFormat.scaled(block.coding(), block.scales(), 1, block.coding().columns());
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(data);
  }

  /// {@return where the blocks of a row begin in `data`, in bytes}
  ///
  /// @param row from 0
  public long rowAt(int row) {
    return selection.stored(row) * block.coding().rowBytes(columns);
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    Coding coding = block.coding();
    long from = rowAt(row);
    for (int column = 0; column < columns; column += coding.columns()) {
      block.decode(data, from, target, at + column);
      from += coding.bytes();
    }
  }
}
