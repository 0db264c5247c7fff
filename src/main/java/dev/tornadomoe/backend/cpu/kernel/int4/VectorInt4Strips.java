package dev.tornadomoe.backend.cpu.kernel.int4;

import static dev.tornadomoe.backend.cpu.kernel.Species.LANES;

import dev.tornadomoe.backend.cpu.kernel.Species;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import java.util.Arrays;

/// What the kernels for 4-bit weights have in common: one token goes through a block of rows in one
/// go ([Int4OneToken]), several at once in strips of some groups. First the products of a strip's
/// nibbles and activations are summed for each group, then the sums are scaled and added to the
/// results. What is in between lies in the work space, in the first-level cache.
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

  /// Of a word, what belongs to the row in its upper half.
  static final int HIGH_HALF = 0xFFFF0000;

  /// An F16's fields in an F32's places, and what is left between the exponents then.
  static final int F16_FIELDS = 0x8FFFE000;

  static final float F16_REBIAS = 0x1p112f;

  /// A quad's first nibble.
  static final int NIBBLE = 0xF;

  /// What makes a nibble without sign the weight, times the sum of the activations.
  static final float OFFSET = -8f;

  /// Groups of a strip whose weights are in the cache, where fewer and longer strips are faster.
  private static final int LONG_STRIP = 16;

  /// Groups of a strip whose weights come from memory. The processor fetches ahead as long as it
  /// sees weights being read, so what is between two readings has to be short.
  private static final int SHORT_STRIP = 4;

  /// The most tokens at once.
  private static final int FOUR = 4;

  private static final int PAIR = 2;

  /// Sums of a group in exact precision, of one token and one vector of rows: those of the lower
  /// halves, then of the upper ones.
  static final int EXACT_SUMS = 2 * LANES;

  /// The same of a chunk of a group where activations are rounded: whole numbers, two in each
  /// element of the work space, which never takes part in arithmetic as the F32 that it is not.
  static final int CHUNK_SUMS = LANES;

  /// Groups of a row.
  final int count;

  private final int stripSums;
  private final Int4OneToken one;

  /// @param groupSums elements of the work space for a group's sums of one token and one vector of
  ///   rows
  /// @param one for a token that is left over
  VectorInt4Strips(Int4Blocks blocks, int groupSums, Int4OneToken one) {
    super(blocks);
    this.count = groups.count();
    this.stripSums = stripSums(groups, groupSums);
    this.one = one;
  }

  @Override
  public final int workSize() {
    return workSize(stripSums);
  }

  /// The same for a matrix that is not loaded yet.
  public static int workSize(RowForm form) {
    return switch (form) {
      case RowForm.Rounded(Int4Groups groups) ->
          workSize(stripSums(groups, groups.chunksPerGroup() * CHUNK_SUMS));
      case RowForm.Floats(Int4Groups groups) -> workSize(stripSums(groups, EXACT_SUMS));
      case RowForm.Plain _ -> throw new IllegalArgumentException("rows of no 4-bit weights");
    };
  }

  /// Elements of the work space for the longest strip's sums of one token and one vector of rows.
  private static int stripSums(Int4Groups groups, int groupSums) {
    return Math.min(LONG_STRIP, groups.count()) * groupSums;
  }

  /// For both vectors of a block's rows, and as many tokens at once as there may be.
  private static int workSize(int stripSums) {
    return 2 * FOUR * stripSums;
  }

  /// Where in the work space a strip's sums are.
  ///
  /// @param vector which of a block's two vectors of rows
  /// @param slot which of the tokens that are multiplied at once
  final int sumsAt(int vector, int slot) {
    return (vector * FOUR + slot) * stripSums;
  }

  @Override
  public final void multiply(
      int rowFrom, int rowTo, StagedRows x, float[] y, int yStride, float[] work) {
    int width;
    for (int token = 0; token < x.tokens(); token += width) {
      width = atOnce(x.tokens() - token);
      int strip = token == 0 ? SHORT_STRIP : LONG_STRIP;
      for (int row = rowFrom; row < rowTo; row += ROWS) {
        long from = row / ROWS * blocks.blockBytes();
        int to = token * yStride + row - rowFrom;
        if (width == 1) {
          one.multiply(from, x, token, y, to);
        } else {
          multiplySeveral(from, strip, x, token, width, y, to, yStride, work);
        }
      }
    }
  }

  private int atOnce(int tokens) {
    return tokens >= FOUR && takesFour() ? FOUR : Math.min(PAIR, tokens);
  }

  private void multiplySeveral(
      long from,
      int strip,
      StagedRows x,
      int token,
      int width,
      float[] y,
      int to,
      int yStride,
      float[] work) {
    for (int slot = 0; slot < width; slot++) {
      Arrays.fill(y, to + slot * yStride, to + slot * yStride + ROWS, 0f);
    }
    for (int group = 0; group < count; group += strip) {
      int groupTo = Math.min(count, group + strip);
      if (width == FOUR) {
        sumFour(from, group, groupTo, x, token, work);
      } else {
        sumPair(from, group, groupTo, x, token, work);
      }
      for (int slot = 0; slot < width; slot += PAIR) {
        for (int vector = 0; vector < 2; vector++) {
          int at = to + slot * yStride + vector * LANES;
          addPair(from, group, groupTo, vector, x, token + slot, slot, work, y, at, yStride);
        }
      }
    }
  }

  /// Whether four tokens at once are faster than two.
  abstract boolean takesFour();

  /// Sums a strip's products of two tokens in the work space.
  ///
  /// @param from the block's first byte
  /// @param group the strip's first group
  /// @param groupTo one after its last group
  /// @param token the first one
  abstract void sumPair(long from, int group, int groupTo, StagedRows x, int token, float[] work);

  /// The same of four tokens.
  abstract void sumFour(long from, int group, int groupTo, StagedRows x, int token, float[] work);

  /// Scales a strip's sums of two tokens and adds them to the results of one vector of rows.
  ///
  /// @param vector which of the block's two
  /// @param slot where the first token's sums are ([#sumsAt])
  /// @param y the results before: from `to` on the first token's results of the rows in the lower
  ///   halves, from `to + HIGH_ROWS` on of those in the upper ones
  abstract void addPair(
      long from,
      int group,
      int groupTo,
      int vector,
      StagedRows x,
      int token,
      int slot,
      float[] work,
      float[] y,
      int to,
      int yStride);
}
