package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Fills [Int4Blocks] from a file's form, a row at a time.
final class Int4Packing {
  private Int4Packing() {}

  static void fill(Int4Blocks blocks, Int4Matrix matrix) {
    for (int row = 0; row < matrix.rows(); row++) {
      for (int group = 0; group < blocks.groups().count(); group++) {
        fillQuads(blocks, matrix, row, group);
        fillTail(blocks, matrix, row, group);
      }
    }
  }

  private static void fillQuads(Int4Blocks blocks, Int4Matrix matrix, int row, int group) {
    MemorySegment data = blocks.data();
    long at = blocks.groupAt(row, group) + Int4Blocks.lane(row % Int4Blocks.ROWS) * 2L;
    int word = group * blocks.groups().quadsPerGroup() / 2;
    int end = word + blocks.groups().quads(group) / 2;
    for (; word < end; word++, at += 2 * Int4Blocks.QUAD_BYTES) {
      int bits = matrix.word(row, word);
      data.set(ValueLayout.JAVA_SHORT, at, (short) bits);
      data.set(ValueLayout.JAVA_SHORT, at + Int4Blocks.QUAD_BYTES, (short) (bits >>> 16));
    }
  }

  private static void fillTail(Int4Blocks blocks, Int4Matrix matrix, int row, int group) {
    MemorySegment data = blocks.data();
    long at = blocks.tailAt(row, group);
    int ofRow = row % Int4Blocks.ROWS;
    long lane = Int4Blocks.lane(ofRow) * 2L;
    if (blocks.scaleType() == DType.F32) {
      data.set(ValueLayout.JAVA_INT, at + ofRow * 4L, matrix.scaleBits(row, group));
    } else {
      data.set(ValueLayout.JAVA_SHORT, at + lane, (short) matrix.scaleBits(row, group));
    }
    if (blocks.zeroPoints()) {
      data.set(
          ValueLayout.JAVA_SHORT,
          at + (long) Int4Blocks.ROWS * blocks.scaleType().bytes() + lane,
          (short) (matrix.zero(row, group) - Int4Matrix.SYMMETRIC_ZERO));
    }
  }
}
