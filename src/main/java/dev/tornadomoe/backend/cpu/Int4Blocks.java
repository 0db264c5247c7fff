package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A 4-bit matrix repacked for lanes that are rows: 16 rows lie side by side, so that one vector of
/// words is 8 columns of 16 rows, and neither decoding nor summing ever crosses lanes.
///
/// - `words`: `[ceil(rows / 16)][words per row][16]` 32-bit words of eight nibbles, each nibble
///   minus 8 in two's complement, so that a shift up and an arithmetic shift down decode it;
/// - `scales`: `[ceil(rows / 16)][groups][16]` in the type of the file;
/// - `zeros`: `[ceil(rows / 16)][groups][16]` 16-bit numbers, zero point minus 8, or null.
///
/// Rows beyond the last have zero scales.
final class Int4Blocks {
  static final int LANES = CpuMatrix.ROW_BLOCK;

  private final int rows;
  private final int columns;
  private final int wordsPerRow;
  private final int wordsPerGroup;
  private final int groups;
  private final DType scaleType;
  private final MemorySegment words;
  private final MemorySegment scales;
  private final @Nullable MemorySegment zeros;

  private Int4Blocks(Int4Matrix matrix, Arena arena) {
    this.rows = matrix.rows();
    this.columns = matrix.columns();
    this.wordsPerRow = matrix.wordsPerRow();
    this.groups = matrix.groups();
    this.wordsPerGroup = groups == 1 ? wordsPerRow : matrix.groupSize() / 8;
    this.scaleType = matrix.format().element();
    long blocks = Math.ceilDiv(rows, LANES);
    this.words = arena.allocate(blocks * wordsPerRow * LANES * 4, 64);
    this.scales = arena.allocate(blocks * groups * LANES * scaleType.bytes(), 64);
    this.zeros =
        matrix.format().zeroPoints() ? arena.allocate(blocks * groups * LANES * 2, 64) : null;
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
    packed.fill(matrix);
    return packed;
  }

  /// What packing will allocate.
  static long bytes(int rows, int columns, int groupSize, DType scaleType, boolean zeroPoints) {
    long padded = (long) Math.ceilDiv(rows, LANES) * LANES;
    long groups = Math.ceilDiv(columns, groupSize);
    return padded * Math.ceilDiv(columns, 8) * 4
        + padded * groups * (scaleType.bytes() + (zeroPoints ? 2 : 0));
  }

  private void fill(Int4Matrix matrix) {
    for (int row = 0; row < rows; row++) {
      long block = row / LANES;
      int lane = row % LANES;
      for (int word = 0; word < wordsPerRow; word++) {
        words.set(
            ValueLayout.JAVA_INT,
            ((block * wordsPerRow + word) * LANES + lane) * 4,
            matrix.word(row, word) ^ 0x88888888);
      }
      for (int group = 0; group < groups; group++) {
        long at = (block * groups + group) * LANES + lane;
        setScale(at, matrix, row, group);
        if (zeros != null) {
          zeros.set(
              ValueLayout.JAVA_SHORT,
              at * 2,
              (short) (matrix.zero(row, group) - Int4Matrix.SYMMETRIC_ZERO));
        }
      }
    }
  }

  private void setScale(long at, Int4Matrix matrix, int row, int group) {
    if (scaleType == DType.F32) {
      scales.set(ValueLayout.JAVA_INT, at * 4, matrix.scaleBits(row, group));
    } else {
      scales.set(ValueLayout.JAVA_SHORT, at * 2, (short) matrix.scaleBits(row, group));
    }
  }

  int rows() {
    return rows;
  }

  int columns() {
    return columns;
  }

  int wordsPerRow() {
    return wordsPerRow;
  }

  int wordsPerGroup() {
    return wordsPerGroup;
  }

  int groups() {
    return groups;
  }

  DType scaleType() {
    return scaleType;
  }

  MemorySegment words() {
    return words;
  }

  MemorySegment scales() {
    return scales;
  }

  @Nullable MemorySegment zeros() {
    return zeros;
  }

  /// Everything, for reading it in one go.
  List<MemorySegment> memory() {
    return zeros == null ? List.of(words, scales) : List.of(words, scales, zeros);
  }
}
