package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A weight of 8-bit integers, on the file's own bytes.
///
/// @param file for messages
/// @param name for messages
/// @param values I8 `[out, in]`, or I32 `[out, ceil(in / 4)]` with each element plus 128, lowest
///   column in the lowest bits
/// @param granularity of scales and zero points
/// @param scales for each block
/// @param zeros I8, for each block; or I32 `[ceil(out / 4), groups]`, packed like the values; or
///   null
/// @param groupOf `[in]`, each column's group, or null
record Int8Weight(
    String file,
    String name,
    int rows,
    int columns,
    TensorView values,
    Granularity granularity,
    TensorView scales,
    @Nullable TensorView zeros,
    @Nullable TensorView groupOf)
    implements Weight {

  private boolean isPacked() {
    return values.dtype() == DType.I32;
  }

  @Override
  public WeightFormat format() {
    return new WeightFormat(
        Coding.INT8,
        scales.dtype(),
        granularity.rows(),
        granularity.columns(),
        zeros != null,
        groupOf != null);
  }

  @Override
  public long bytesToLoad() {
    return zeros == null || zeros.dtype() == DType.I8
        ? 0
        : (long) rows * granularity.columnBlocks(columns);
  }

  @Override
  public Int8Matrix load(Arena arena) {
    ScaleChecks.requirePositive(file, scales);
    RowSelection all = RowSelection.all(rows);
    TensorView zeroBytes = zeros == null ? null : zeroPoints(zeros, arena);
    return new Int8Matrix(
        rows,
        columns,
        isPacked() ? Math.ceilDiv(columns, 4) * 4L : columns,
        values.data(),
        isPacked() ? 128 : 0,
        granularity.grid(scales, all, columns),
        zeroBytes == null ? null : granularity.grid(zeroBytes, all, columns),
        groupOf == null ? null : groups(groupOf));
  }

  private TensorView zeroPoints(TensorView stored, Arena arena) {
    if (stored.dtype() == DType.I8) {
      return stored;
    }
    int groups = granularity.columnBlocks(columns);
    MemorySegment bytes = arena.allocate((long) rows * groups);
    for (int row = 0; row < rows; row++) {
      for (int group = 0; group < groups; group++) {
        int word = (int) stored.getLong((long) (row / 4) * groups + group);
        byte zero = (byte) ((word >>> (row % 4 * 8)) - 128);
        bytes.set(ValueLayout.JAVA_BYTE, (long) row * groups + group, zero);
      }
    }
    return new TensorView(stored.name(), DType.I8, Shape.of(rows, groups), bytes);
  }

  /// The groups of the columns, or null where one -1 marks the list as never set, as in the
  /// format's own reader.
  private int @Nullable [] groups(TensorView stored) {
    int count = granularity.columnBlocks(columns);
    int[] groups = new int[columns];
    boolean unset = false;
    for (int column = 0; column < columns; column++) {
      long group = stored.getLong(column);
      unset |= group == -1;
      groups[column] = Math.clamp(group, -1, count);
    }
    for (int column = 0; column < columns && !unset; column++) {
      if (groups[column] < 0 || groups[column] >= count) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" puts column %d into group %d, expected 0 to %d",
                file,
                stored.name(),
                column,
                stored.getLong(column),
                count - 1));
      }
    }
    return unset ? null : groups;
  }
}
