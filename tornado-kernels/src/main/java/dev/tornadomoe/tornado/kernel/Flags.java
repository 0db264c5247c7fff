package dev.tornadomoe.tornado.kernel;

/// Bits of the `flags` of kernels. A kernel is compiled for its flags, which are constants then, so
/// what they exclude costs nothing.
public final class Flags {
  /// Weights of 4 bits with a scale per group; otherwise 16 or 32 bits.
  public static final int INT4 = 1;

  /// Integers with a zero point per group, which stands behind the scale.
  public static final int ZERO_POINTS = 1 << 1;

  /// Column j of the weights multiplies activation `order[j]`.
  public static final int ACT_ORDER = 1 << 2;

  /// F16 weights.
  public static final int F16 = 1 << 3;

  /// BF16 weights.
  public static final int BF16 = 1 << 4;

  /// Columns are no multiple of 8: the last chunk's activations end early.
  public static final int RAGGED = 1 << 5;

  /// There is a bias.
  public static final int BIAS = 1 << 6;

  /// There is a gate beside the up projection.
  public static final int GATED = 1 << 7;

  /// The router's weights are applied here.
  public static final int WEIGHTED = 1 << 8;

  /// The shared expert's result is multiplied by sigmoid of its gate.
  public static final int SHARED_GATE = 1 << 9;

  /// The target holds something to add to.
  public static final int ACCUMULATE = 1 << 10;

  /// There is a first, and a second row to add.
  public static final int ADDEND = 1 << 11;

  public static final int SECOND_ADDEND = 1 << 12;

  /// The shared expert's parts are not among these experts.
  public static final int EXTRA_ELSEWHERE = 1 << 13;

  /// The chosen experts' scores are divided by their sum.
  public static final int RENORMALISE = 1 << 14;

  /// A correction is added to the scores that experts are chosen by.
  public static final int CORRECTED = 1 << 15;

  /// Where the activation's ordinal begins.
  public static final int FUNCTION_SHIFT = 16;

  /// Weights of 4 bits in E2M1, with a scale per group that is halved: what is decoded is doubled.
  public static final int FP4 = 1 << 19;

  /// Weights of 8 bits with a scale per group: integers, which may have zero points, or E4M3, whose
  /// values are a table.
  public static final int INT8 = 1 << 22;

  public static final int FP8 = 1 << 23;

  /// All of the router's experts are here, in its order. (Of kernels that do not route.)
  public static final int IN_ORDER = 1 << 28;

  /// What comes out goes through the activation, which needs no gate. (Of [LogitKernels].)
  public static final int ACTIVATED = 1 << 29;

  /// Weights of 32 bits, one row after the other, as [LogitKernels] expect them; no kernel asks.
  /// Codes with scales have strips here.
  public static final int ROW_MAJOR = 1 << 30;

  /// Formats whose elements are decoded and then scaled.
  public static final int SCALED = INT4 | FP4 | INT8 | FP8;

  /// Where the logarithms stand of the rows that a work-item takes of a chunk, and of the
  /// work-items of a group.
  private static final int ROWS_SHIFT = 20;

  private static final int THREADS_SHIFT = 24;
  private static final int SCORING_SHIFT = 28;

  /// Where the logarithm stands of a strip's rows.
  private static final int LANES_SHIFT = 30;

  private Flags() {}

  /// What the kernels of [WorkGroupKernels] add to their flags.
  ///
  /// @param threads work-items of a group, a power of two and at least 16
  /// @param rowsPerItem 1, 2, 4 or 8
  public static int group(int threads, int rowsPerItem) {
    return Integer.numberOfTrailingZeros(threads) << THREADS_SHIFT
        | Integer.numberOfTrailingZeros(rowsPerItem) << ROWS_SHIFT;
  }

  /// What the kernels of [SpanGateUp], [SpanMappedGateUp], [SpanDown] and [SpanBlocks] add to their
  /// flags.
  ///
  /// @param rowsPerItem 1, 2, 4 or 8
  public static int rows(int rowsPerItem) {
    return Integer.numberOfTrailingZeros(rowsPerItem) << ROWS_SHIFT;
  }

  /// How many rows of codes with scales lie in a strip, as `Chunks` describes them.
  ///
  /// @param lanes 1, 2, 4 or 8
  public static int strips(int lanes) {
    return Integer.numberOfTrailingZeros(lanes) << LANES_SHIFT;
  }

  /// Rows of a strip.
  public static int lanes(int flags) {
    return 1 << ((flags >> LANES_SHIFT) & 3);
  }

  /// What [RoutedKernels] adds to its flags beside [#RENORMALISE] and [#CORRECTED].
  ///
  /// @param scoring `TopKGating.Scoring` by its ordinal
  public static int routing(int scoring) {
    return scoring << SCORING_SHIFT;
  }

  static int scoring(int flags) {
    return (flags >> SCORING_SHIFT) & 3;
  }

  static int rowsPerItem(int flags) {
    return 1 << ((flags >> ROWS_SHIFT) & 3);
  }

  static int threads(int flags) {
    return 1 << ((flags >> THREADS_SHIFT) & 15);
  }
}
