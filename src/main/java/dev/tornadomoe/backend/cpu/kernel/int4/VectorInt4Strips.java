package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.backend.cpu.kernel.Species;
import dev.tornadomoe.backend.cpu.kernel.rows.Interleaving;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.util.Arrays;

/// What the kernels for 4-bit weights have in common: one token goes through a block of rows in one
/// go, two at once in strips of some groups. First the products of a strip's nibbles and
/// activations are summed for each group, then the sums are scaled and added to the results. What
/// is in between lies in the work space, in the first-level cache.
///
/// Two steps because methods have to be small. A vector of the Vector API is an object until the
/// compiler has seen that nothing needs it to be; where very many operations are inlined into one
/// method, and it comes to it with half a profile, it now and then does not see that, for good.
/// Methods that did both steps at once for four tokens made objects in about one of ten runs of
/// AllocationTest with 128 bits on a busy machine. One token's, half as large, did in one of a
/// hundred, but would be a tenth slower in steps: decode waits for memory, and must not pause.
///
/// Every result is summed in the same order whatever the number of tokens and the width of vectors.
public abstract class VectorInt4Strips extends Int4Kernel {
  /// Rows of a block.
  static final int ROWS = Species.INT4_BLOCK_ROWS;

  static final int QUAD_BYTES = 2 * ROWS;

  /// The rows whose numbers are in the upper halves.
  static final int HIGH_ROWS = ROWS / 2;

  /// From a block's first vector of rows to its second, in bytes.
  static final long SECOND = 4L * LANES;

  /// Groups of a strip whose weights are in the cache, where fewer and longer strips are faster.
  private static final int LONG_STRIP = 32;

  /// Groups of a strip whose weights come from memory. The processor fetches ahead as long as it
  /// sees weights being read, so what is between two readings has to be short.
  private static final int SHORT_STRIP = 4;

  /// Sums of a group in exact precision.
  static final int EXACT_SUMS = 4 * LANES;

  /// Sums of a chunk of a group where activations are rounded.
  static final int CHUNK_SUMS = 2 * LANES;

  /// Groups of a row.
  final int count;

  VectorInt4Strips(Int4Blocks blocks) {
    super(blocks);
    this.count = groups.count();
  }

  @Override
  public final int workSize() {
    return workSize(groupSums());
  }

  /// The same for a matrix that is not loaded yet.
  public static int workSize(RowForm form) {
    return workSize(
        form instanceof RowForm.Rounded rounded
            ? rounded.groups().chunksPerGroup() * CHUNK_SUMS
            : EXACT_SUMS);
  }

  private static int workSize(int groupSums) {
    return LONG_STRIP * Interleaving.PAIR * groupSums;
  }

  @Override
  public final void multiply(
      int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work) {
    int end = Math.ceilDiv(rowTo, ROWS);
    for (int token = 0; token < x.tokens(); token += Interleaving.PAIR) {
      boolean pair = Interleaving.width(x.tokens(), token) == Interleaving.PAIR;
      int strip = token == 0 ? SHORT_STRIP : LONG_STRIP;
      for (int block = rowFrom / ROWS; block < end; block++) {
        long from = block * blocks.blockBytes();
        int to = token * yStride + block * ROWS - rowFrom;
        if (pair) {
          multiplyPair(from, strip, x, token, y, to, yStride, work);
        } else {
          multiplyOne(from, x, token, y, to);
        }
      }
    }
  }

  private void multiplyPair(
      long from, int strip, StagedRows x, int token, float[] y, int to, int yStride, float[] work) {
    Arrays.fill(y, to, to + ROWS, 0f);
    Arrays.fill(y, to + yStride, to + yStride + ROWS, 0f);
    for (int group = 0; group < count; group += strip) {
      int groupTo = Math.min(count, group + strip);
      sumPair(from, group, groupTo, x, token, work);
      addPair(from, group, groupTo, 0, x, token, work, y, to, yStride);
      addPair(from, group, groupTo, 1, x, token, work, y, to + LANES, yStride);
    }
  }

  /// Multiplies a block by a token.
  ///
  /// @param from the block's first byte
  /// @param y results from `to` on
  abstract void multiplyOne(long from, StagedRows x, int token, float[] y, int to);

  /// Elements of the work space for a group's sums of one token.
  abstract int groupSums();

  /// Sums a strip's products of two tokens in the work space.
  ///
  /// @param from the block's first byte
  /// @param group the strip's first group
  /// @param groupTo one after its last group
  /// @param token the first one
  abstract void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work);

  /// Scales a strip's sums of two tokens and adds them to the results of one vector of rows.
  ///
  /// @param vector which of the block's two
  /// @param y the results before: from `to` on the first token's results of the rows in the lower
  ///   halves, from `to + HIGH_ROWS` on of those in the upper ones
  abstract void addPair(
      long from,
      int group,
      int groupTo,
      int vector,
      StagedRows x,
      int token,
      float[] work,
      float[] y,
      int to,
      int yStride);
}
