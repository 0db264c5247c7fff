package dev.tornadomoe.tornado.tuning;

import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/// The cuts that are worth measuring on a device. A tuner goes through them in steps: for few
/// tokens all [#groups], for more all [#blocks] of each of [#blockSizes], and then the [#widths] of
/// the best ones.
///
/// @param device where they must be able to run
/// @param key of the layers
/// @param guess what they differ from
public record TuningCandidates(DeviceLimits device, TuningKey key, Tuning guess) {
  /// The most pairs of a block.
  static final int LARGEST_BLOCK = 64;

  private static final List<Integer> BLOCKS = List.of(1, 2, 4, 8, 16, 32, LARGEST_BLOCK);
  private static final List<Integer> BLOCKS_OF_WORK_ITEMS = List.of(2, 4, 8, 16);

  /// Rows of a work-item of a tile, of all matrices.
  private static final List<Integer> TILE_ROWS = List.of(4, 8);

  private static final List<Integer> TILE_THREADS = List.of(32, 64, 128, 256);
  private static final List<Integer> GROUP_THREADS = List.of(64, 128, 256, 512, 1024);
  private static final List<Integer> GROUP_ROWS = List.of(1, 2, 4, 8);
  private static final List<Integer> BLOCK_THREADS = List.of(64, 128, 256);

  /// Where there are no work-groups.
  private static final GroupShape UNUSED = new GroupShape(64, 1);

  /// For one token at a time, the guess first. Both projections have the same cut: they are
  /// measured in the same run, and chosen each by itself.
  public List<Tuning> groups() {
    LinkedHashSet<Tuning> tunings = new LinkedHashSet<>(List.of(guess));
    if (device.shape() == KernelShape.WORK_GROUPS) {
      for (int threads : GROUP_THREADS) {
        for (int rows : GROUP_ROWS) {
          GroupShape split = new GroupShape(threads, rows);
          tunings.add(guess.withGroups(split, split));
        }
      }
    }
    return running(tunings);
  }

  /// Sizes of blocks, about as large as the guess's.
  public List<Integer> blockSizes() {
    if (device.shape() == KernelShape.WORK_ITEMS) {
      return BLOCKS_OF_WORK_ITEMS;
    }
    return BLOCKS.stream()
        .filter(size -> size >= guess.tokens() / 2 && size <= guess.tokens() * 2)
        .toList();
  }

  /// For blocks of one size, with the usual work-groups.
  public List<Tuning> blocks(int tokens) {
    if (device.shape() == KernelShape.WORK_ITEMS) {
      return List.of(tokens == guess.tokens() ? guess : guess.withBlocks(tokens, UNUSED, UNUSED));
    }
    return tokens <= Tuning.SMALL_BLOCK
        ? blocks(tokens, List.of(BLOCK_THREADS.get(1)))
        : blocks(tokens, TILE_THREADS);
  }

  /// Small blocks have groups that sum through local memory, others tiles.
  private static List<Integer> threads(int tokens) {
    return tokens <= Tuning.SMALL_BLOCK ? BLOCK_THREADS : TILE_THREADS;
  }

  private List<Tuning> blocks(int tokens, List<Integer> widths) {
    LinkedHashSet<Tuning> tunings = new LinkedHashSet<>();
    for (int threads : widths) {
      for (int rows : tokens <= Tuning.SMALL_BLOCK ? GROUP_ROWS : TILE_ROWS) {
        int ofGateUp = tokens <= Tuning.SMALL_BLOCK ? rows : rows / 2;
        tunings.add(
            guess.withBlocks(
                tokens, new GroupShape(threads, ofGateUp), new GroupShape(threads, rows)));
      }
    }
    return running(tunings);
  }

  /// The same rows in groups of other widths, where blocks are small: tiles are measured in all.
  public List<Tuning> widths(Tuning best) {
    LinkedHashSet<Tuning> tunings = new LinkedHashSet<>();
    if (device.shape() == KernelShape.WORK_GROUPS) {
      for (int threads : threads(best.tokens())) {
        tunings.add(
            best.withBlocks(
                best.tokens(),
                new GroupShape(threads, best.blockGateUp().rowsPerItem()),
                new GroupShape(threads, best.blockDown().rowsPerItem())));
      }
    }
    return running(tunings);
  }

  /// All for blocks that a tuner could choose from.
  List<Tuning> blocks() {
    if (device.shape() == KernelShape.WORK_ITEMS) {
      return BLOCKS_OF_WORK_ITEMS.stream().flatMap(size -> blocks(size).stream()).toList();
    }
    return BLOCKS.stream().flatMap(size -> blocks(size, threads(size)).stream()).toList();
  }

  private List<Tuning> running(Iterable<Tuning> tunings) {
    List<Tuning> running = new ArrayList<>();
    for (Tuning tuning : tunings) {
      if (tuning.fits(device, key)) {
        running.add(tuning);
      }
    }
    return List.copyOf(running);
  }
}
