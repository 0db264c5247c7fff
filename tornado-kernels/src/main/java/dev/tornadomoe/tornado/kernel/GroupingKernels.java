package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Sorts pairs by expert, for many tokens.
public final class GroupingKernels {
  private GroupingKernels() {}

  /// One work-group sorts the pairs by local expert, each expert's in ascending order, and cuts
  /// each expert's run into blocks. Every token's `extra` parts of the shared expert count as
  /// experts of their own, behind the local ones.
  ///
  /// @param pairs `[M * slots]` pair numbers, sorted
  /// @param blocks the number of blocks, then for each its expert, its first place in `pairs`, and
  ///   how many
  /// @param size the most pairs of a block
  public static void group(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      IntArray pairs,
      IntArray blocks,
      int topK,
      int slots,
      int extra,
      int experts,
      int size,
      int threads) {
    int t = context.localIdx;
    int all = experts + extra;
    int[] counts = context.allocateIntLocalArray(all);
    int tokens = call.get(0);
    for (int e = t; e < all; e += threads) {
      int count = tokens;
      if (e < experts) {
        count = 0;
        for (int p = 0; p < tokens * topK; p++) {
          if (map.get(ids.get(p)) == e) {
            count++;
          }
        }
      }
      counts[e] = count;
    }
    context.localBarrier();
    for (int e = t; e < all; e += threads) {
      int place = 0;
      int block = 0;
      for (int before = 0; before < e; before++) {
        place += counts[before];
        block += (counts[before] + size - 1) / size;
      }
      int mine = (counts[e] + size - 1) / size;
      for (int b = 0; b < mine; b++) {
        int at = 1 + 3 * (block + b);
        int left = counts[e] - b * size;
        int count = size;
        if (left < size) {
          count = left;
        }
        blocks.set(at, e);
        blocks.set(at + 1, place + b * size);
        blocks.set(at + 2, count);
      }
      if (e == all - 1) {
        blocks.set(0, block + mine);
      }
      if (e < experts) {
        for (int p = 0; p < tokens * topK; p++) {
          if (map.get(ids.get(p)) == e) {
            pairs.set(place, p / topK * slots + p % topK);
            place++;
          }
        }
      } else {
        for (int token = 0; token < tokens; token++) {
          pairs.set(place + token, token * slots + topK + e - experts);
        }
      }
    }
  }
}
