package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;

/// A 4-bit matrix repacked for lanes that are rows: the rows of a block lie side by side, so that
/// neither decoding nor summing ever crosses lanes. A block has as many rows as a kernel goes
/// through at once (`CpuKernels.int4BlockRows`), and whatever it needs lies in the order in which
/// it is read: processors fetch ahead of one stream that ascends, and much less of two. A block of
/// R rows is its groups one behind the other, and a group is
///
/// - its quads: for each 4 columns R lanes of 16 bits, 4 nibbles each, the lowest column in the
///   lowest bits;
/// - R scales in the type of the file, or in F32 where an F16 is no finite number: the kernels
///   decode those alone;
/// - where there are zero points, R lanes of 16 bits with the zero point minus 8.
///
/// Of lanes of 16 bits, lane 2i belongs to row i of the block and lane 2i + 1 to row i + R/2. So a
/// vector of them is also a vector of ints whose lower halves are some rows and whose upper halves
/// are as many from the block's second half: scales of 16 bits become F32 without crossing lanes
/// either. Scales of 32 bits are in the order of the rows.
///
/// Columns are padded to whole quads, rows to whole blocks; rows beyond the last have zero scales.
public final class Int4Blocks {
  /// All ones in an F16 that is infinite or a NaN.
  private static final int F16_EXPONENT = 0x7C00;

  private final int rows;
  private final int columns;
  private final Int4Groups groups;
  private final DType scaleType;
  private final boolean zeroPoints;
  private final int blockRows;
  private final MemorySegment data;

  private Int4Blocks(Int4Matrix matrix, int blockRows, SegmentAllocator memory) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.groups = new Int4Groups(matrix.columns(), matrix.groupSize());
    this.scaleType = scaleType(matrix);
    this.zeroPoints = matrix.format().zeroPoints();
    this.blockRows = blockRows;
    this.data = memory.allocate(Math.ceilDiv(rows, blockRows) * blockBytes(), 64);
  }

  private static DType scaleType(Int4Matrix matrix) {
    DType type = matrix.format().element();
    return type == DType.F16 && !hasFiniteScales(matrix) ? DType.F32 : type;
  }

  private static boolean hasFiniteScales(Int4Matrix matrix) {
    int[] bits = new int[matrix.groups()];
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.scaleBits(row, 1, bits);
      for (int scale : bits) {
        if ((scale & F16_EXPONENT) == F16_EXPONENT) {
          return false;
        }
      }
    }
    return true;
  }

  /// Repacks a matrix.
  ///
  /// @param name what messages call it
  /// @param blockRows rows of a block, even
  /// @param memory where the blocks are allocated
  /// @throws BackendException for groups that do not begin on a word
  public static Int4Blocks pack(
      String name, Int4Matrix matrix, int blockRows, SegmentAllocator memory) {
    if (matrix.groups() > 1 && matrix.groupSize() % 8 != 0) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "weight \"%s\" has groups of %d columns; the cpu backend needs a multiple of 8",
              name,
              matrix.groupSize()));
    }
    Int4Blocks packed = new Int4Blocks(matrix, blockRows, memory);
    Int4Packing.fill(packed, matrix);
    return packed;
  }

  /// What packing will allocate, unless scales are no numbers.
  public static long bytes(int rows, int columns, WeightFormat format, int blockRows) {
    Int4Groups groups = new Int4Groups(columns, format.groupSize());
    return Math.ceilDiv(rows, blockRows)
        * (long) blockRows
        * rowBytes(groups, format.element(), format.zeroPoints());
  }

  private static int rowBytes(Int4Groups groups, DType scaleType, boolean zeroPoints) {
    return 2 * groups.quads() + groups.count() * (scaleType.bytes() + (zeroPoints ? 2 : 0));
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

  /// Rows of a block.
  int blockRows() {
    return blockRows;
  }

  MemorySegment data() {
    return data;
  }

  /// Bytes from one block of rows to the next.
  long blockBytes() {
    return (long) blockRows * rowBytes(groups, scaleType, zeroPoints);
  }

  /// Bytes of a quad, and of a number of 16 bits for each row.
  int quadBytes() {
    return 2 * blockRows;
  }

  /// Bytes of a whole group.
  int groupBytes() {
    return groups.quadsPerGroup() * quadBytes() + groupTail();
  }

  /// Bytes of a group's scales and zero points.
  int groupTail() {
    return blockRows * scaleType.bytes() + (zeroPoints ? quadBytes() : 0);
  }

  /// The lane of 16 bits that belongs to a row.
  int lane(int row) {
    int ofBlock = row % blockRows;
    int half = blockRows / 2;
    return ofBlock < half ? 2 * ofBlock : 2 * (ofBlock - half) + 1;
  }

  /// The scale of a row in a group.
  float scale(int row, int group) {
    long tail = tailAt(row, group);
    if (scaleType == DType.F32) {
      return data.get(ValueLayout.JAVA_FLOAT, tail + row % blockRows * 4L);
    }
    short bits = data.get(ValueLayout.JAVA_SHORT, tail + lane(row) * 2L);
    return scaleType == DType.F16 ? Float.float16ToFloat(bits) : BFloat16.toFloat(bits);
  }

  /// The zero point of a row in a group, minus 8.
  int zero(int row, int group) {
    return zeroPoints
        ? data.get(
            ValueLayout.JAVA_SHORT,
            tailAt(row, group) + (long) blockRows * scaleType.bytes() + lane(row) * 2L)
        : 0;
  }

  /// The four nibbles of a row in a quad.
  ///
  /// @param quad of the group
  int nibbles(int row, int group, int quad) {
    return data.get(
            ValueLayout.JAVA_SHORT,
            groupAt(row, group) + (long) quad * quadBytes() + lane(row) * 2L)
        & 0xFFFF;
  }

  /// The first byte of a row's group.
  long groupAt(int row, int group) {
    return row / blockRows * blockBytes() + (long) group * groupBytes();
  }

  /// The first byte of the scales of a row's group.
  long tailAt(int row, int group) {
    return groupAt(row, group) + (long) groups.quads(group) * quadBytes();
  }

  /// Everything, for reading it in one go.
  List<MemorySegment> memory() {
    return List.of(data);
  }
}
