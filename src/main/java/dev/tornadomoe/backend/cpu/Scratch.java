package dev.tornadomoe.backend.cpu;

import java.util.Arrays;

/// One worker's arrays: staged activations and a tile of results. Made once for a session's step,
/// so that running it allocates nothing.
final class Scratch {
  /// Tokens that are staged together.
  static final int TOKENS = 16;

  private final float[] staged;
  private final float[] reordered;

  /// Results of the up projection, of the down projection, or of any single one.
  final float[] result;

  /// Results of the gate projection.
  final float[] gate;

  /// For the kernels.
  final float[] work;

  private int stride;

  /// Room for rows of at most `columns` elements and tiles of `rowTile` rows.
  ///
  /// @param workSize what the kernels need
  Scratch(int columns, int rowTile, int workSize) {
    int padded = columns + 7; // a kernel may want whole words of 8 columns
    staged = new float[TOKENS * padded];
    reordered = new float[TOKENS * padded];
    result = new float[TOKENS * rowTile];
    gate = new float[TOKENS * rowTile];
    work = new float[workSize];
  }

  /// Begins with rows of this many elements.
  void begin(int columns) {
    stride = columns;
  }

  /// Where the caller puts its rows, one behind the other.
  float[] staged() {
    return staged;
  }

  /// The staged rows as a linear layer wants them: its own order of columns, padded with zeros.
  float[] staged(CpuLinear linear, int tokens) {
    int[] order = linear.columnOrder();
    int padded = linear.matrix().paddedColumns();
    if (order == null && padded == stride) {
      return staged;
    }
    for (int token = 0; token < tokens; token++) {
      int from = token * stride;
      int to = token * padded;
      if (order == null) {
        System.arraycopy(staged, from, reordered, to, stride);
      } else {
        for (int column = 0; column < stride; column++) {
          reordered[to + column] = staged[from + order[column]];
        }
      }
      Arrays.fill(reordered, to + stride, to + padded, 0f);
    }
    return reordered;
  }
}
