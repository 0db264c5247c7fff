package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.kernel.TileKernels;
import java.util.stream.Stream;

/// How a layer's kernels are cut in a launch. What is not measured (`TornadoTuner`) is guessed,
/// from what was measured on an H200 and an H100.
///
/// @param gateUp one token at a time
/// @param down one token at a time
/// @param tokens the most pairs of a block, where pairs are sorted by expert
/// @param blockGateUp for blocks of pairs: as for one token where they are small, else tiles
/// @param blockDown the same
public record Tuning(
    GroupShape gateUp, GroupShape down, int tokens, GroupShape blockGateUp, GroupShape blockDown) {
  /// Beyond, tiles are faster than groups that sum through local memory.
  static final int SMALL_BLOCK = 2;

  /// From so many pairs on there are groups enough to have smaller ones. With few, each should be
  /// wide: its work-items then wait for few words, one after the other (H100, one token: down takes
  /// 16 us with 1024 work-items, 25 with 256; gate and up have more rows, and 256 are enough).
  private static final int MANY_PAIRS = 32;

  /// Up to here a tile's block has room for twice the pairs that an expert has on average: weights
  /// are decoded for fewer blocks, and work-items without pairs cost little.
  private static final int ROOMY_BLOCK = 16;

  /// Up to here a tile's work-items have half as many rows, and there are twice as many of them.
  private static final int NARROW_BLOCK = 8;

  /// Sums of a work-item of a tile: with more, registers run out.
  private static final int MOST_SUMS = 64;

  /// Rows of a work-item of a tile, of all matrices.
  private static final int TILE_ROWS = 8;

  /// The guess for a launch.
  ///
  /// @param launchTokens the most of the launch
  public static Tuning guess(DeviceLimits device, TuningKey key, int launchTokens) {
    int hidden = key.hidden();
    int intermediate = key.intermediate();
    int pairs = Math.multiplyExact(launchTokens, key.topK());
    int tokens = device.shape() == KernelShape.WORK_ITEMS ? 8 : blockSize(pairs, key.experts());
    boolean isSmall = tokens <= SMALL_BLOCK;
    return new Tuning(
        group(device, hidden, pairs < MANY_PAIRS ? 256 : 128, 2, 1),
        group(
            device,
            Math.multiplyExact(intermediate, key.topK()),
            pairs < MANY_PAIRS ? 1024 : 512,
            1,
            1),
        tokens,
        isSmall ? group(device, hidden, 256, 2, tokens) : tile(device, tokens, 2),
        isSmall ? group(device, intermediate, 256, 1, tokens) : tile(device, tokens, 1));
  }

  /// Whether the device has the work-groups and the local memory for it.
  boolean fits(DeviceLimits device, TuningKey key) {
    if (device.shape() == KernelShape.WORK_ITEMS) {
      return true;
    }
    boolean hasItems =
        gateUp.hasItems(2, 1)
            && down.hasItems(1, 1)
            && (hasSmallBlocks()
                ? blockGateUp.hasItems(2, tokens) && blockDown.hasItems(1, tokens)
                : blockGateUp.isTile(2, tokens, MOST_SUMS)
                    && blockDown.isTile(1, tokens, MOST_SUMS));
    int threads =
        Stream.of(gateUp, down, blockGateUp, blockDown)
            .mapToInt(GroupShape::threads)
            .max()
            .orElse(0);
    // Gate and up that select their experts themselves keep scores and choice beside the sums.
    int ofGateUp = gateUp.localFloats(2, 1) + key.experts() + key.topK();
    int ofBlock =
        hasSmallBlocks()
            ? Math.max(blockGateUp.localFloats(2, tokens), blockDown.localFloats(1, tokens))
            : Math.max(blockGateUp.tileFloats(2, tokens), blockDown.tileFloats(1, tokens));
    int floats = Math.max(Math.max(ofGateUp, down.localFloats(1, 1)), ofBlock);
    return hasItems && threads <= device.workGroup() && floats * 4L <= device.localBytes();
  }

  /// One token at a time, in other groups.
  public Tuning withGroups(GroupShape newGateUp, GroupShape newDown) {
    return new Tuning(newGateUp, newDown, tokens, blockGateUp, blockDown);
  }

  /// Blocks of another size, in other groups or tiles.
  public Tuning withBlocks(int newTokens, GroupShape newGateUp, GroupShape newDown) {
    return new Tuning(gateUp, down, newTokens, newGateUp, newDown);
  }

  /// Whether blocks are small enough for groups that sum through local memory.
  public boolean hasSmallBlocks() {
    return tokens <= SMALL_BLOCK;
  }

  /// One pair where experts hardly ever have two, and otherwise as many as an expert has on average
  /// or a few more (H200, H 2048, I 768, 128 experts, top-8: M = 64 took 770 us in blocks of 4, 484
  /// in blocks of 8, 128 714 in blocks of 8 and 601 of 16, 256 890 of 16).
  private static int blockSize(int pairs, int experts) {
    if (2L * pairs <= experts) {
      return 1;
    }
    int size = SMALL_BLOCK;
    while (size < TuningCandidates.LARGEST_BLOCK && (long) size * experts < pairs) {
      size *= 2;
    }
    return size > SMALL_BLOCK && size < ROOMY_BLOCK ? 2 * size : size;
  }

  /// Groups that sum through local memory: with two rows for a work-item, an activation is loaded
  /// half as often as with one, and there are still enough groups.
  ///
  /// @param columns that the group shares
  /// @param most work-items
  /// @param matrices that it multiplies by
  /// @param tokens of the group
  private static GroupShape group(
      DeviceLimits device, int columns, int most, int matrices, int tokens) {
    int threads = Math.max(8 * matrices * tokens, device.threads(columns / 4, most));
    GroupShape two = new GroupShape(threads, 2);
    return two.hasItems(matrices, tokens) ? two : new GroupShape(threads, 1);
  }

  /// A tile whose work-items have 2 to 8 pairs each.
  ///
  /// @param tokens of a block
  /// @param matrices that it multiplies by
  private static GroupShape tile(DeviceLimits device, int tokens, int matrices) {
    boolean isNarrow = tokens <= NARROW_BLOCK;
    int threads = Math.max(TileKernels.LANES, device.threads((isNarrow ? 16 : 8) * tokens));
    return new GroupShape(threads, (isNarrow ? TILE_ROWS / 2 : TILE_ROWS) / matrices);
  }
}
