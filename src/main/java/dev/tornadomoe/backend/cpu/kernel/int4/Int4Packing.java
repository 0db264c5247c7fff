package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Fills [Int4Blocks] from a file's form, a block of rows at a time. A block is put together in
/// Java arrays, and copied to its place in one go: loading is what a process does first, and before
/// methods are compiled an access to an array costs a fraction of one to a segment.
final class Int4Packing {
  private static final int LOW = 0xFFFF;

  /// Words of a line of the cache.
  private static final int LINE = 16;

  private final Int4Blocks blocks;
  private final Int4Matrix matrix;
  private final int half;
  private final int groups;

  /// Where in a block the first quad of each word lies, and the scales of each group, in ints.
  private final int[] wordAt;

  private final int[] tailAt;
  private final int[] words;
  private final int[] numbers;
  private final int[] block;

  private Int4Packing(Int4Blocks blocks, Int4Matrix matrix) {
    this.blocks = blocks;
    this.matrix = matrix;
    this.half = blocks.blockRows() / 2;
    this.groups = blocks.groups().count();
    this.wordAt = new int[matrix.wordsPerRow()];
    this.tailAt = new int[groups];
    this.words = new int[blocks.blockRows() * wordAt.length];
    this.numbers = new int[blocks.blockRows() * groups];
    this.block = new int[Math.toIntExact(blocks.blockBytes() / Integer.BYTES)];
    Int4Groups division = blocks.groups();
    for (int group = 0, word = 0; group < groups; group++) {
      int at = group * blocks.groupBytes() / Integer.BYTES;
      for (int i = 0; i < division.quads(group) / 2; i++, word++, at += 2 * half) {
        wordAt[word] = at;
      }
      tailAt[group] = at;
    }
  }

  static void fill(Int4Blocks blocks, Int4Matrix matrix) {
    Int4Packing packing = new Int4Packing(blocks, matrix);
    for (int row = 0; row < matrix.rows(); row += blocks.blockRows()) {
      packing.fillBlock(row);
    }
  }

  private void fillBlock(int first) {
    int rows = Math.min(blocks.blockRows(), matrix.rows() - first);
    if (rows < blocks.blockRows()) { // there is something of the block before in them
      Arrays.fill(words, 0);
      Arrays.fill(numbers, 0);
    }
    matrix.words(first, rows, words);
    fillQuads();
    matrix.scaleBits(first, rows, numbers);
    if (blocks.scaleType() == DType.F32) {
      toFloats(rows);
      fillWide();
    } else {
      fillPairs(0);
    }
    if (blocks.zeroPoints()) {
      matrix.zeros(first, rows, numbers);
      for (int i = 0; i < rows * groups; i++) {
        numbers[i] -= Int4Matrix.SYMMETRIC_ZERO;
      }
      fillPairs(half * blocks.scaleType().bytes() / Short.BYTES);
    }
    MemorySegment.copy(
        block,
        0,
        blocks.data(),
        ValueLayout.JAVA_INT,
        first / blocks.blockRows() * blocks.blockBytes(),
        block.length);
  }

  /// A word of 8 columns is two quads; the words of rows i and i + R/2 fill an int of each. A line
  /// of words at a time, whose quads stay in the cache until all rows have gone through them.
  private void fillQuads() {
    for (int from = 0; from < wordAt.length; from += LINE) {
      int to = Math.min(wordAt.length, from + LINE);
      for (int i = 0; i < half; i++) {
        fillLine(i, from, to);
      }
    }
  }

  private void fillLine(int i, int from, int to) {
    int lowRow = i * wordAt.length;
    int highRow = (i + half) * wordAt.length;
    for (int word = from; word < to; word++) {
      int low = words[lowRow + word];
      int high = words[highRow + word];
      int at = wordAt[word] + i;
      block[at] = (low & LOW) | (high << 16);
      block[at + half] = (low >>> 16) | (high & ~LOW);
    }
  }

  /// Numbers of 16 bits, paired like the words.
  ///
  /// @param behind ints behind a group's quads
  private void fillPairs(int behind) {
    for (int i = 0; i < half; i++) {
      int lowRow = i * groups;
      int highRow = (i + half) * groups;
      for (int group = 0; group < groups; group++) {
        block[tailAt[group] + behind + i] =
            (numbers[lowRow + group] & LOW) | (numbers[highRow + group] << 16);
      }
    }
  }

  private void fillWide() {
    for (int row = 0; row < blocks.blockRows(); row++) {
      for (int group = 0; group < groups; group++) {
        block[tailAt[group] + row] = numbers[row * groups + group];
      }
    }
  }

  /// The bits of F16 scales that are kept as F32.
  private void toFloats(int rows) {
    if (matrix.format().element() == DType.F16) {
      for (int i = 0; i < rows * groups; i++) {
        numbers[i] = Float.floatToRawIntBits(Float.float16ToFloat((short) numbers[i]));
      }
    }
  }
}
