package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs and few tokens: a work-group makes the outputs of some blocks of 8 rows for one
/// token and sums through local memory. Nothing depends on the width of a wave; a barrier stands
/// wherever work-items exchange something, and never inside a condition: work-groups with nothing
/// to do have loops without rounds.
///
/// Work-item t has row `t % 8` of each of the group's blocks and every `threads / 8`-th chunk from
/// `t / 8` on. So neighbouring work-items read neighbouring words, 128 bytes in a row for 32 of
/// them, and an activation that is loaded once is used for as many rows as there are blocks. With
/// several rows of one block for a work-item instead, a wave's loads touched four to eight times as
/// many cache lines, and that was what the time went into (H100, OpenCL). How many blocks, and how
/// many work-items a group has, stands in the flags ([Flags#group]): as constants, or the sums at
/// the end would be loops that wait for local memory in each round.
///
/// `call[0]` is M. Pairs: token t has `topK` pairs of the router and behind them `extra` parts of
/// the shared expert, which are the matrices behind the local experts' own; `map` leads from the
/// router's experts to local ones, or to -1.
public final class WorkGroupKernels {
  private WorkGroupKernels() {}

  /// Gate, up and activation of every pair: `activated[M * (topK + extra), I]`. A work-group takes
  /// some blocks of 8 rows of gate and up of one pair, and has at least 16 work-items for each.
  ///
  /// @param factors the router's weights `[M, topK]` if they go on the input, or the logits of the
  ///   shared expert's gate `[M]`
  public static void gateUp(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray factors,
      FloatArray x,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray activated,
      int topK,
      int extra,
      int experts,
      int columns,
      int rows,
      int groupSize,
      int flags,
      float limit,
      float alpha) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int slots = topK + extra;
    int groups = (rows + 8 * n - 1) / (8 * n);
    int pair = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (8 * n);
    int token = pair / slots;
    int slot = pair % slots;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(2 * n * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    int expert = -1;
    if (token < call.get(0)) {
      expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
    }
    int live = 0;
    if (expert >= 0) {
      live = (columns + 7) / 8;
    }
    float[] sums = new float[2 * n];
    addGateUp(
        x, token, words, scales, order, expert, live, t, threads, firstRow, rows, columns,
        groupSize, flags, sums);
    for (int i = 0; i < 2 * n; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    // 2n values each, then what is left of gate and up of each row by one work-item.
    int outputs = 16 * n;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < 2 * n; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();

    int row = firstRow + t;
    if (t < 8 * n && live > 0) {
      if (row < rows) {
        float gate = 0f;
        float up = 0f;
        for (int i = 0; i < perOutput; i++) {
          gate += parts[i * outputs + t];
          up += parts[i * outputs + 8 * n + t];
        }
        float factor = Pairs.weight(factors, token, slot, topK, extra, flags);
        gate *= factor;
        up *= factor;
        if ((flags & Flags.BIAS) != 0) {
          int biasAt = expert * 2 * ((rows + 7) / 8) * 8 + row;
          gate += bias.get(biasAt);
          up += bias.get(biasAt + (rows + 7) / 8 * 8);
        }
        float y = Activations.apply(gate, up, flags, limit, alpha);
        if ((flags & Flags.SHARED_GATE) != 0) {
          if (slot >= topK) {
            y *= Activations.sigmoid(factors.get(token));
          }
        }
        activated.set(pair * rows + row, y);
      }
    }
  }

  /// A work-item's part of its rows of gate and up.
  ///
  /// @param live chunks of columns, or 0 where there is no expert
  /// @param firstRow of the group
  /// @param sums first those of gate, then those of up
  static void addGateUp(
      FloatArray x,
      int token,
      IntArray words,
      FloatArray scales,
      IntArray order,
      int expert,
      int live,
      int t,
      int threads,
      int firstRow,
      int rows,
      int columns,
      int groupSize,
      int flags,
      float[] sums) {
    int n = Flags.rowsPerItem(flags);
    int blocks = (rows + 7) / 8;
    float[] chunkOfX = new float[8];
    for (int i = 0; i < 2 * n; i++) {
      sums[i] = 0f;
    }
    for (int chunk = t / 8; chunk < live; chunk += threads / 8) {
      for (int half = 0; half < 2; half++) {
        for (int j = 0; j < 8; j++) {
          chunkOfX[j] =
              Chunks.activation(
                  x,
                  token * columns,
                  chunk * 8 + j,
                  columns,
                  order,
                  (expert * 2 + half) * columns,
                  flags);
        }
        for (int i = 0; i < n; i++) {
          // Blocks behind the last one are computed as others are, and not written.
          int block = (expert * 2 + half) * blocks + TornadoMath.min(firstRow / 8 + i, blocks - 1);
          sums[half * n + i] +=
              Chunks.dot(words, scales, block, chunk, t % 8, columns, groupSize, chunkOfX, flags);
        }
      }
    }
  }

  /// Down projection, weighting and sum over a token's pairs, plus addends: `target[M, H]`. A
  /// work-group takes some blocks of 8 rows, at least 8 work-items for each, and its work-items the
  /// chunks of all pairs of a token, so that the sum over pairs is the sum over work-items.
  public static void down(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray weights,
      FloatArray activated,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray addend,
      FloatArray secondAddend,
      FloatArray target,
      int topK,
      int extra,
      int experts,
      int columns,
      int rows,
      int groupSize,
      int flags) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int blocks = (rows + 7) / 8;
    int groups = (rows + 8 * n - 1) / (8 * n);
    int token = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (8 * n);
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(n * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    int chunks = (columns + 7) / 8;
    int slots = topK + extra;
    int live = 0;
    if (token < call.get(0)) {
      live = slots * chunks;
    }
    float[] chunkOfX = new float[8];
    float[] sums = new float[n];
    for (int i = 0; i < n; i++) {
      sums[i] = 0f;
    }
    for (int item = t / 8; item < live; item += threads / 8) {
      int slot = item / chunks;
      int chunk = item % chunks;
      int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
      float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
      if (expert >= 0) {
        for (int j = 0; j < 8; j++) {
          chunkOfX[j] =
              Chunks.activation(
                      activated,
                      (token * slots + slot) * columns,
                      chunk * 8 + j,
                      columns,
                      order,
                      expert * columns,
                      flags)
                  * weight;
        }
        for (int i = 0; i < n; i++) {
          int block = expert * blocks + TornadoMath.min(firstRow / 8 + i, blocks - 1);
          sums[i] +=
              Chunks.dot(words, scales, block, chunk, t % 8, columns, groupSize, chunkOfX, flags);
        }
      }
    }
    for (int i = 0; i < n; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    // n values each, then what is left of each row by one work-item.
    int outputs = 8 * n;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < n; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();

    int row = firstRow + t;
    if (t < outputs && live > 0) {
      if (row < rows) {
        float sum = 0f;
        for (int i = 0; i < perOutput; i++) {
          sum += parts[i * outputs + t];
        }
        if ((flags & Flags.BIAS) != 0) {
          for (int slot = 0; slot < slots; slot++) {
            int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
            float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
            if (expert >= 0) {
              sum += weight * bias.get(expert * blocks * 8 + row);
            }
          }
        }
        int item = token * rows + row;
        if ((flags & Flags.ADDEND) != 0) {
          sum += addend.get(item);
        }
        if ((flags & Flags.SECOND_ADDEND) != 0) {
          sum += secondAddend.get(item);
        }
        if ((flags & Flags.ACCUMULATE) != 0) {
          sum += target.get(item);
        }
        target.set(item, sum);
      }
    }
  }
}
