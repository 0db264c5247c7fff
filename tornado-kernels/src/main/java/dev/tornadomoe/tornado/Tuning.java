package dev.tornadomoe.tornado;

import dev.tornadomoe.tornado.kernel.TileKernels;
import java.util.stream.Stream;

/// How a layer's kernels are cut in a launch. What is not measured ([TornadoTuner]) is guessed,
/// from what was measured on an H200.
///
/// @param gateUp one token at a time
/// @param down one token at a time
/// @param tokens the most pairs of a block, where pairs are sorted by expert
/// @param tileGateUp for blocks of pairs
/// @param tileDown for blocks of pairs
record Tuning(Split gateUp, Split down, int tokens, Split tileGateUp, Split tileDown) {
  /// Sums of a work-item: with more, registers run out.
  private static final int MOST_SUMS = 96;

  /// The guess for a launch.
  ///
  /// @param launchTokens the most of the launch
  static Tuning guess(DeviceLimits device, TuningKey key, int launchTokens) {
    int pairs = Math.multiplyExact(launchTokens, key.topK());
    int tokens = device.shape() == KernelShape.WORK_ITEMS ? 8 : blockSize(pairs, key.experts());
    return new Tuning(
        group(device, key.hidden()),
        group(device, key.intermediate() * 8),
        tokens,
        tile(device, key.intermediate(), Math.min(most(tokens), MOST_SUMS / tokens / 2)),
        tile(device, key.hidden(), most(tokens)));
  }

  /// Whether the device has the work-groups and the local memory for it.
  boolean fits(DeviceLimits device) {
    int threads =
        Stream.of(gateUp, down, tileGateUp, tileDown).mapToInt(Split::threads).max().orElse(0);
    int floats =
        Math.max(
            Math.max(gateUp.localFloats(16), down.localFloats(8)),
            TileKernels.COLUMNS * (tokens + 1));
    return device.shape() == KernelShape.WORK_ITEMS
        || (threads <= device.workGroup() && floats * 4L <= device.localBytes());
  }

  /// One token at a time, in other groups.
  Tuning withGroups(Split newGateUp, Split newDown) {
    return new Tuning(newGateUp, newDown, tokens, tileGateUp, tileDown);
  }

  /// Blocks of another size, in other tiles.
  Tuning withTiles(int newTokens, Split newGateUp, Split newDown) {
    return new Tuning(gateUp, down, newTokens, newGateUp, newDown);
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

  /// More rows than these were slower: for few tokens there are too few groups then.
  private static int most(int tokens) {
    return tokens <= 4 ? 1 : 4;
  }

  /// @param columns that the group shares
  static Split group(DeviceLimits device, int columns) {
    int rowsPerItem = 4;
    return new Split(device.threads(columns / rowsPerItem), rowsPerItem);
  }

  /// The tile with the most rows for a work-item among those that waste little.
  private static Split tile(DeviceLimits device, int rows, int mostRowsPerItem) {
    int widest = device.threads(mostRowsPerItem > 1 ? 128 : 64);
    int narrowest = Math.min(64, device.threads(rows));
    Split best = new Split(16, 1);
    long least = Long.MAX_VALUE;
    for (int rowsPerItem = mostRowsPerItem; rowsPerItem > 0; rowsPerItem--) {
      for (int threads = widest; threads >= narrowest; threads /= 2) {
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
