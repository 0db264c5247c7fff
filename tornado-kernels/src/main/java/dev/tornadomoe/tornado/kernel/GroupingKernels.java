package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Sorts pairs by expert, for many tokens.
public final class GroupingKernels {
  private GroupingKernels() {}

  /// The same as [#group] by one work-item, without local memory and barriers, from which PoCL's
  /// compiler falls over for some layers.
  public static void groupAlone(
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
    int tokens = call.get(0);
    int place = context.globalIdx; // 0, the only one
    int block = 0;
    // Two loops, because TornadoVM loses what one branch of a condition counted in a loop.
    for (int e = 0; e < experts; e++) {
      int found = 0;
      for (int p = 0; p < tokens * topK; p++) {
        if (map.get(ids.get(p)) == e) {
          pairs.set(place + found, p / topK * slots + p % topK);
          found++;
        }
      }
      cut(blocks, block, e, place, found, size);
      block += (found + size - 1) / size;
      place += found;
    }
    for (int part = 0; part < extra; part++) {
      for (int token = 0; token < tokens; token++) {
        pairs.set(place + token, token * slots + topK + part);
      }
      cut(blocks, block, experts + part, place, tokens, size);
      block += (tokens + size - 1) / size;
      place += tokens;
    }
    blocks.set(0, block);
  }

  /// Cuts an expert's run of pairs into blocks.
  private static void cut(IntArray blocks, int block, int expert, int place, int pairs, int size) {
    int mine = (pairs + size - 1) / size;
    for (int b = 0; b < mine; b++) {
      int at = 1 + 3 * (block + b);
      int left = pairs - b * size;
      int count = size;
      if (left < size) {
        count = left;
      }
      blocks.set(at, expert);
      blocks.set(at + 1, place + b * size);
      blocks.set(at + 2, count);
    }
  }

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
