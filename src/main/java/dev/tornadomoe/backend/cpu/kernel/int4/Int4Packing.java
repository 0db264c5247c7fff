package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Fills [Int4Blocks] from a file's form, a block of rows at a time and in the order of its memory.
final class Int4Packing {
  private static final int LOW = 0xFFFF;

  private Int4Packing() {}

  static void fill(Int4Blocks blocks, Int4Matrix matrix) {
    int blockRows = blocks.blockRows();
    for (int first = 0; first < matrix.rows(); first += blockRows) {
      for (int group = 0; group < blocks.groups().count(); group++) {
        fillQuads(blocks, matrix, first, group);
        int rows = Math.min(blockRows, matrix.rows() - first);
        for (int row = first; row < first + rows; row++) {
          fillTail(blocks, matrix, row, group);
        }
      }
    }
  }

  /// A word of 8 columns is two quads; the words of rows i and i + R/2 fill an int of each.
  private static void fillQuads(Int4Blocks blocks, Int4Matrix matrix, int first, int group) {
    MemorySegment data = blocks.data();
    int half = blocks.blockRows() / 2;
    long quadBytes = blocks.quadBytes();
    long at = blocks.groupAt(first, group);
    int word = group * blocks.groups().quadsPerGroup() / 2;
    int end = word + blocks.groups().quads(group) / 2;
    for (; word < end; word++, at += 2 * quadBytes) {
      for (int i = 0; i < half; i++) {
        int low = word(matrix, first + i, word);
        int high = word(matrix, first + i + half, word);
        data.set(ValueLayout.JAVA_INT, at + i * 4L, (low & LOW) | (high << 16));
        data.set(ValueLayout.JAVA_INT, at + quadBytes + i * 4L, (low >>> 16) | (high & ~LOW));
      }
    }
  }

  private static int word(Int4Matrix matrix, int row, int word) {
    return row < matrix.rows() ? matrix.word(row, word) : 0;
  }

  private static void fillTail(Int4Blocks blocks, Int4Matrix matrix, int row, int group) {
    MemorySegment data = blocks.data();
    long at = blocks.tailAt(row, group);
    long lane = blocks.lane(row) * 2L;
    if (blocks.scaleType() == DType.F32) {
      data.set(
          ValueLayout.JAVA_FLOAT, at + row % blocks.blockRows() * 4L, matrix.scale(row, group));
    } else {
      data.set(ValueLayout.JAVA_SHORT, at + lane, (short) matrix.scaleBits(row, group));
    }
    if (blocks.zeroPoints()) {
      data.set(
          ValueLayout.JAVA_SHORT,
          at + (long) blocks.blockRows() * blocks.scaleType().bytes() + lane,
          (short) (matrix.zero(row, group) - Int4Matrix.SYMMETRIC_ZERO));
    }
  }
}
