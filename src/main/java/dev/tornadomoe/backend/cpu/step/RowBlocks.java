package dev.tornadomoe.backend.cpu.step;

/// The experts' rows, an expert's divided into blocks of about the same size where they are more
/// than can be staged at once.
final class RowBlocks {
  /// Of a block: its expert, its first row among the expert's, and how many rows it has.
  private static final int FIELDS = 3;

  /// Sizes are multiples of as many tokens as kernels take at once, but for an expert's last.
  private static final int UNIT = 4;

  private final int most;
  private final int[] fields;
  private int count;

  /// @param maxTokens the most tokens that a step is run for
  /// @param indices room for [#indices] of them, which others use before and after
  RowBlocks(int maxTokens, int[] indices) {
    this.most = most(maxTokens);
    this.fields = indices;
  }

  /// The most rows of a block.
  static int most(int maxTokens) {
    return Math.clamp(maxTokens, 1, Scratch.TOKENS);
  }

  /// How many indices so many experts need.
  ///
  /// @param rows of all experts together
  static int indices(int experts, int maxTokens, int rows) {
    return FIELDS * (experts + Math.ceilDiv(rows, most(maxTokens)));
  }

  void clear() {
    count = 0;
  }

  /// Adds the rows of an expert.
  void add(int expert, int rows) {
    int blocks = Math.ceilDiv(rows, most);
    int size = blocks == 0 ? 0 : Math.min(most, Math.ceilDiv(rows, blocks * UNIT) * UNIT);
    for (int first = 0; first < rows; first += size, count++) {
      fields[count * FIELDS] = expert;
      fields[count * FIELDS + 1] = first;
      fields[count * FIELDS + 2] = Math.min(size, rows - first);
    }
  }

  int count() {
    return count;
  }

  int expert(int block) {
    return fields[block * FIELDS];
  }

  /// The block's first row among its expert's.
  int first(int block) {
    return fields[block * FIELDS + 1];
  }

  int size(int block) {
    return fields[block * FIELDS + 2];
  }
}
