package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Sorts pairs by expert.
public final class GroupingKernels {
  private GroupingKernels() {}

  /// A work-group for each local expert, and for each part of the shared one behind them, finds the
  /// expert's pairs, in ascending order, and cuts them into blocks. Every token's `extra` parts of
  /// the shared expert count as experts of their own.
  ///
  /// Where an expert's blocks begin must not hang on how many blocks the experts before it have, or
  /// each group would have to count them all: blocks begin at `place / size + e`, which leaves room
  /// enough, and what they leave over is filled with empty ones. So there are always `(M * slots) /
  /// size + experts + extra` blocks, and a grid can be as large.
  ///
  /// @param pairs `[M * slots]` pair numbers, sorted
  /// @param blocks of each its expert, its first place in `pairs`, and how many; 0 for an empty one
  /// @param size the most pairs of a block
  /// @param threads of a work-group
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
      int mostBlocks,
      int threads) {
    int t = context.localIdx;
    int e = context.groupIdx;
    int[] lower = context.allocateIntLocalArray(threads);
    int[] same = context.allocateIntLocalArray(threads);
    int tokens = call.get(0);
    int all = tokens * topK;
    int share = (all + threads - 1) / threads;
    int from = TornadoMath.min(t * share, all);
    int to = TornadoMath.min(from + share, all);
    int before = 0;
    int mine = 0;
    for (int p = from; p < to; p++) {
      int expert = map.get(ids.get(p));
      if (expert == e) {
        mine++;
      }
      if (expert >= 0 && expert < e) {
        before++;
      }
    }
    lower[t] = before;
    same[t] = mine;
    context.localBarrier();
    int first = 0;
    int count = 0;
    int place = 0;
    for (int other = 0; other < threads; other++) {
      first += lower[other];
      if (other == t) {
        place = count;
      }
      count += same[other];
    }
    place += first;
    // Ranges without rounds instead of conditions: TornadoVM loses what one branch of a condition
    // counted in a loop.
    int shared = 0;
    if (e >= experts) {
      shared = tokens;
    }
    first += TornadoMath.max(0, e - experts) * tokens;
    count = TornadoMath.max(count, shared);
    for (int p = from; p < to; p++) {
      if (map.get(ids.get(p)) == e) {
        pairs.set(place, p / topK * slots + p % topK);
        place++;
      }
    }
    for (int token = t; token < shared; token += threads) {
      pairs.set(first + token, token * slots + topK + e - experts);
    }
    cut(blocks, e, first, count, size, experts + extra - 1, mostBlocks, t, threads);
  }

  /// The same with a work-item for each expert, without local memory and barriers: for CPUs.
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
      int mostBlocks,
      int threads) {
    int e = context.globalIdx;
    int tokens = call.get(0);
    int first = 0;
    int count = 0;
    for (int p = 0; p < tokens * topK; p++) {
      int expert = map.get(ids.get(p));
      if (expert == e) {
        count++;
      }
      if (expert >= 0 && expert < e) {
        first++;
      }
    }
    int shared = 0;
    if (e >= experts) {
      shared = tokens;
    }
    first += TornadoMath.max(0, e - experts) * tokens;
    int place = first;
    for (int p = 0; p < tokens * topK; p++) {
      if (map.get(ids.get(p)) == e) {
        pairs.set(place, p / topK * slots + p % topK);
        place++;
      }
    }
    for (int token = 0; token < shared; token++) {
      pairs.set(first + token, token * slots + topK + e - experts);
    }
    cut(
        blocks,
        e,
        first,
        TornadoMath.max(count, shared),
        size,
        experts + extra - 1,
        mostBlocks,
        0,
        1);
  }

  /// The same as [#group] of few pairs, by one work-group: blocks lie one after the other, and
  /// empty ones behind the last. A pair's place is how many come before it, so nobody waits for
  /// another's.
  ///
  /// @param mostPairs of the launch
  public static void groupFew(
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
      int mostBlocks,
      int threads,
      int mostPairs) {
    int t = context.localIdx;
    int[] keys = context.allocateIntLocalArray(mostPairs);
    int[] sorted = context.allocateIntLocalArray(mostPairs);
    int[] some = context.allocateIntLocalArray(mostPairs);
    int all = call.get(0) * slots;
    int elsewhere = experts + extra;
    for (int p = t; p < all; p += threads) {
      int slot = p % slots;
      int key = experts + slot - topK;
      if (slot < topK) {
        key = map.get(ids.get(p / slots * topK + slot));
        if (key < 0) {
          key = elsewhere;
        }
      }
      keys[p] = key;
    }
    context.localBarrier();
    for (int p = t; p < all; p += threads) {
      int key = keys[p];
      int before = 0;
      int rank = 0;
      int same = 0;
      for (int other = 0; other < all; other++) {
        if (keys[other] < key) {
          before++;
        }
        if (keys[other] == key) {
          same++;
        }
        if (keys[other] == key && other < p) {
          rank++;
        }
      }
      // A block's first pair says how many it has.
      int ofBlock = 0;
      if (rank % size == 0 && key < elsewhere) {
        ofBlock = TornadoMath.min(size, same - rank);
      }
      pairs.set(before + rank, p);
      sorted[before + rank] = key;
      some[before + rank] = ofBlock;
    }
    context.localBarrier();
    int used = 0;
    for (int place = 0; place < all; place++) {
      if (some[place] > 0) {
        used++;
      }
    }
    for (int place = t; place < all; place += threads) {
      int number = 0;
      for (int other = 0; other < place; other++) {
        if (some[other] > 0) {
          number++;
        }
      }
      if (some[place] > 0) {
        blocks.set(3 * number, sorted[place]);
        blocks.set(3 * number + 1, place);
        blocks.set(3 * number + 2, some[place]);
      }
    }
    for (int number = used + t; number < mostBlocks; number += threads) {
      blocks.set(3 * number, 0);
      blocks.set(3 * number + 1, 0);
      blocks.set(3 * number + 2, 0);
    }
  }

  /// Cuts an expert's run of pairs into blocks, and fills up with empty ones to where the next
  /// expert's begin.
  ///
  /// @param t of `threads` that share the work
  private static void cut(
      IntArray blocks,
      int expert,
      int first,
      int count,
      int size,
      int lastExpert,
      int mostBlocks,
      int t,
      int threads) {
    int start = first / size + expert;
    int end = (first + count) / size + expert + 1;
    if (expert == lastExpert) {
      end = mostBlocks;
    }
    for (int block = start + t; block < end; block += threads) {
      int at = (block - start) * size;
      int some = TornadoMath.max(0, TornadoMath.min(size, count - at));
      blocks.set(3 * block, expert);
      blocks.set(3 * block + 1, first + at);
      blocks.set(3 * block + 2, some);
    }
  }
}
