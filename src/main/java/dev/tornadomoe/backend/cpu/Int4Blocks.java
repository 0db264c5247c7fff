package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// A 4-bit matrix repacked for lanes that are rows: 32 rows lie side by side, so that neither
/// decoding nor summing ever crosses lanes, and whatever a block of rows needs lies in the order in
/// which it is read. A block of 32 rows is its groups one behind the other, and a group is
///
/// - its quads: for each 4 columns 32 lanes of 16 bits, 4 nibbles each, the lowest column in the
///   lowest bits;
/// - 32 scales in the type of the file;
/// - where there are zero points, 32 lanes of 16 bits with the zero point minus 8.
///
/// Of lanes of 16 bits, lane 2i belongs to row i of the block and lane 2i + 1 to row i + 16. So a
/// vector of them is also a vector of ints whose lower halves are 16 rows and whose upper halves
/// are the 16 rows behind them: scales of 16 bits become F32 without crossing lanes either. Scales
/// of 32 bits are in the order of the rows.
///
/// Columns are padded to whole quads, rows to whole blocks; rows beyond the last have zero scales.
final class Int4Blocks {
  /// Rows of a block.
  static final int ROWS = CpuMatrix.ROW_BLOCK;

  /// Columns of a quad.
  static final int QUAD = 4;

  /// Bytes of a quad, and of 32 numbers of 16 bits.
  static final int QUAD_BYTES = ROWS * 2;

  private final int rows;
  private final int columns;
  private final Int4Groups groups;
  private final DType scaleType;
  private final boolean zeroPoints;
  private final MemorySegment data;

  private Int4Blocks(Int4Matrix matrix, Arena arena) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.groups = new Int4Groups(matrix.columns(), matrix.groupSize());
    this.scaleType = matrix.format().element();
    this.zeroPoints = matrix.format().zeroPoints();
    this.data = arena.allocate(Math.ceilDiv(rows, ROWS) * blockBytes(), 64);
  }

  /// Repacks a matrix.
  ///
  /// @param name what messages call it
  /// @throws BackendException for groups that do not begin on a word
  static Int4Blocks pack(String name, Int4Matrix matrix, Arena arena) {
    if (matrix.groups() > 1 && matrix.groupSize() % 8 != 0) {
      throw new BackendException(
          "weight \"%s\" has groups of %d columns; the cpu backend needs a multiple of 8"
              .formatted(name, matrix.groupSize()));
    }
    Int4Blocks packed = new Int4Blocks(matrix, arena);
    Int4Packing.fill(packed, matrix);
    return packed;
  }

  /// What packing will allocate.
  static long bytes(int rows, int columns, int groupSize, DType scaleType, boolean zeroPoints) {
    return Math.ceilDiv(rows, ROWS)
        * blockBytes(new Int4Groups(columns, groupSize), scaleType, zeroPoints);
  }

  private static long blockBytes(Int4Groups groups, DType scaleType, boolean zeroPoints) {
    return (long) groups.quads() * QUAD_BYTES
        + (long) groups.count() * (ROWS * scaleType.bytes() + (zeroPoints ? QUAD_BYTES : 0));
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  Int4Groups groups() {
    return groups;
  }

  DType scaleType() {
    return scaleType;
  }

  boolean zeroPoints() {
    return zeroPoints;
  }

  MemorySegment data() {
    return data;
  }

  /// Bytes from one block of rows to the next.
  long blockBytes() {
    return blockBytes(groups, scaleType, zeroPoints);
  }

  /// Bytes of a whole group.
  int groupBytes() {
    return groups.quadsPerGroup() * QUAD_BYTES + groupTail();
  }

  /// Bytes of a group's scales and zero points.
  int groupTail() {
    return ROWS * scaleType.bytes() + (zeroPoints ? QUAD_BYTES : 0);
  }

  /// The lane of 16 bits that belongs to a row of a block.
  static int lane(int row) {
    return row < ROWS / 2 ? 2 * row : 2 * (row - ROWS / 2) + 1;
  }

  /// The scale of a row in a group, as the file has it.
  float scale(int row, int group) {
    long tail = tailAt(row, group);
    if (scaleType == DType.F32) {
      return data.get(ValueLayout.JAVA_FLOAT, tail + row % ROWS * 4L);
    }
    short bits = data.get(ValueLayout.JAVA_SHORT, tail + lane(row % ROWS) * 2L);
    return scaleType == DType.F16 ? Float.float16ToFloat(bits) : BFloat16.toFloat(bits);
  }

  /// The zero point of a row in a group, minus 8.
  int zero(int row, int group) {
    return zeroPoints
        ? data.get(
            ValueLayout.JAVA_SHORT,
            tailAt(row, group) + (long) ROWS * scaleType.bytes() + lane(row % ROWS) * 2L)
        : 0;
  }

  /// The four nibbles of a row in a quad.
  ///
  /// @param quad of the group
  int nibbles(int row, int group, int quad) {
    return data.get(
            ValueLayout.JAVA_SHORT,
            groupAt(row, group) + (long) quad * QUAD_BYTES + lane(row % ROWS) * 2L)
        & 0xFFFF;
  }

  /// The first byte of a row's group.
  long groupAt(int row, int group) {
    return row / ROWS * blockBytes() + (long) group * groupBytes();
  }

  /// The first byte of the scales of a row's group.
  long tailAt(int row, int group) {
    return groupAt(row, group) + (long) groups.quads(group) * QUAD_BYTES;
  }

  /// Everything, for reading it in one go.
  List<MemorySegment> memory() {
    return List.of(data);
  }
}
