package dev.tornadomoe.tornado;

import dev.tornadomoe.tornado.kernel.TileKernels;
import java.util.stream.Stream;

/// How a layer's kernels are cut in a launch. What is not measured ([TornadoTuner]) is guessed,
/// from what was measured on an H200.
///
/// @param gateUp one token at a time
/// @param down one token at a time
/// @param tokens the most pairs of a block, where pairs are sorted by expert
/// @param blockGateUp for blocks of pairs: as for one token where they are small, else tiles
/// @param blockDown the same
record Tuning(Split gateUp, Split down, int tokens, Split blockGateUp, Split blockDown) {
  /// Beyond, tiles are faster than groups of 8 rows.
  static final int SMALL_BLOCK = 2;

  /// Sums of a work-item: with more, registers run out.
  private static final int MOST_SUMS = 96;

  /// Rows of a work-item of a tile: with more, there are too few groups.
  private static final int MOST_ROWS = 4;

  /// The guess for a launch.
  ///
  /// @param launchTokens the most of the launch
  static Tuning guess(DeviceLimits device, TuningKey key, int launchTokens) {
    int hidden = key.hidden();
    int intermediate = key.intermediate();
    int pairs = Math.multiplyExact(launchTokens, key.topK());
    int tokens = device.shape() == KernelShape.WORK_ITEMS ? 8 : blockSize(pairs, key.experts());
    boolean isSmall = tokens <= SMALL_BLOCK;
    return new Tuning(
        group(device, key.hidden()),
        group(device, key.intermediate() * 8),
        tokens,
        isSmall
            ? group(device, hidden, tokens)
            : tile(device, intermediate, Math.min(MOST_ROWS, MOST_SUMS / tokens / 2)),
        isSmall ? group(device, intermediate, tokens) : tile(device, hidden, MOST_ROWS));
  }

  /// Whether the device has the work-groups and the local memory for it.
  boolean fits(DeviceLimits device, TuningKey key) {
    int threads =
        Stream.of(gateUp, down, blockGateUp, blockDown).mapToInt(Split::threads).max().orElse(0);
    // Gate and up that select their experts themselves keep scores and choice beside the sums.
    int ofGateUp = gateUp.localFloats(16) + key.experts() + 2 * key.topK();
    int ofBlock =
        hasSmallBlocks()
            ? tokens * Math.max(blockGateUp.localFloats(16), blockDown.localFloats(8))
            : TileKernels.COLUMNS * (tokens + 1);
    int floats = Math.max(Math.max(ofGateUp, down.localFloats(8)), ofBlock);
    return device.shape() == KernelShape.WORK_ITEMS
        || (threads <= device.workGroup() && floats * 4L <= device.localBytes());
  }

  /// One token at a time, in other groups.
  Tuning withGroups(Split newGateUp, Split newDown) {
    return new Tuning(newGateUp, newDown, tokens, blockGateUp, blockDown);
  }

  /// Blocks of another size, in other groups or tiles.
  Tuning withBlocks(int newTokens, Split newGateUp, Split newDown) {
    return new Tuning(gateUp, down, newTokens, newGateUp, newDown);
  }

  /// Whether blocks are small enough for groups of 8 rows.
  boolean hasSmallBlocks() {
    return tokens <= SMALL_BLOCK;
  }

  /// As many pairs as an expert has on average, or a few more: half-empty blocks cost as much as
  /// full ones.
  private static int blockSize(int pairs, int experts) {
    int size = 2;
    while (size < 16 && size * experts < pairs) {
      size *= 2;
    }
    return size;
  }

  /// @param columns that the group shares
  static Split group(DeviceLimits device, int columns) {
    int rowsPerItem = 4;
    return new Split(device.threads(columns / rowsPerItem), rowsPerItem);
  }

  /// For some tokens at a time: a group has at least one work-item for each of its outputs.
  private static Split group(DeviceLimits device, int columns, int tokens) {
    return new Split(Math.max(16 * tokens, Math.min(128, device.threads(columns / 4))), 4);
  }

  /// The tile with the most rows for a work-item among those that waste little.
  private static Split tile(DeviceLimits device, int rows, int mostRowsPerItem) {
    Split best = new Split(16, 1);
    long least = Long.MAX_VALUE;
    for (int rowsPerItem = mostRowsPerItem; rowsPerItem > 0; rowsPerItem--) {
      for (int threads = device.threads(128);
          threads >= Math.min(64, device.threads(rows));
          threads /= 2) {
        Split split = new Split(threads, rowsPerItem);
        // A fifth more time for each row that a work-item has less than it could.
        long cost =
            (long) split.tiles(rows) * split.tileRows() * (5 + mostRowsPerItem - rowsPerItem);
        if (cost < least) {
          best = split;
          least = cost;
        }
      }
    }
    return best;
  }
}
