package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// MXFP4 weights: two E2M1 to a byte, the lower column in the lower nibble, and a power of two for
/// each 32 columns ([OCP MX
/// 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)).
public final class Mxfp4Matrix implements WeightMatrix {
  /// Columns per scale.
  public static final int GROUP = 32;

  private final RowSelection selection;
  private final int columns;
  private final long rowBytes;
  private final MemorySegment packed;
  private final MemorySegment scales;

  /// Checks the parts against each other.
  ///
  /// @param selection which of the stored rows are the matrix
  /// @param columns input features
  /// @param rowBytes from one stored row to the next
  /// @param packed `[stored rows, rowBytes]`
  /// @param scales E8M0, `[stored rows, ceil(columns / 32)]`
  /// @throws IllegalArgumentException when the parts do not fit each other
  public Mxfp4Matrix(
      RowSelection selection,
      int columns,
      long rowBytes,
      MemorySegment packed,
      MemorySegment scales) {
    if (rowBytes < Math.ceilDiv(columns, 2) || packed.byteSize() % Math.max(1, rowBytes) != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%d bytes are no rows of %d for %d columns",
              packed.byteSize(),
              rowBytes,
              columns));
    }
    long stored = packed.byteSize() / Math.max(1, rowBytes);
    selection.requireWithin(stored);
    if (scales.byteSize() != stored * Math.ceilDiv(columns, GROUP)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "scales have %d bytes, expected %d",
              scales.byteSize(),
              stored * Math.ceilDiv(columns, GROUP)));
    }
    this.selection = selection;
    this.columns = columns;
    this.rowBytes = rowBytes;
    this.packed = packed;
    this.scales = scales;
  }

  @Override
  public int rows() {
    return selection.count();
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, GROUP);
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(packed, scales);
  }

  /// {@return the stored elements `[stored rows, rowBytes]`, two to a byte}
  public MemorySegment packed() {
    return packed;
  }

  /// {@return the first byte of a row's elements}
  ///
  /// @param row of the matrix, from 0
  public long packedAt(int row) {
    return selection.stored(row) * rowBytes;
  }

  /// {@return a row's power of two for 32 columns}
  ///
  /// @param row of the matrix, from 0
  /// @param group of 32 columns, from 0
  public float scale(int row, int group) {
    long at = (long) selection.stored(row) * Math.ceilDiv(columns, GROUP) + group;
    return Float8E8M0.toFloat(scales.get(JAVA_BYTE, at));
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    long start = packedAt(row);
    for (int from = 0, g = 0; from < columns; from += GROUP, g++) {
      int count = Math.min(columns - from, GROUP);
      Fp4Pairs.decode(packed, start + from / 2, count, scale(row, g), target, at + from);
    }
  }
}
