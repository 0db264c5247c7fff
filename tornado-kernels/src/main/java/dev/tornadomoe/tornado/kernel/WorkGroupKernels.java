package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs and few tokens: a work-group makes the outputs of 8 rows for one token and sums
/// through local memory. Nothing depends on the width of a wave; a barrier stands wherever
/// work-items exchange something, and never inside a condition: work-groups with nothing to do have
/// loops without rounds.
///
/// A work-item takes the same `n` of the 8 rows of each of its chunks, so that an activation is
/// loaded once for them, and neighbouring work-items read neighbouring words. How many, and how
/// many work-items a group has, stands in the flags ([Flags#group]): as constants, or the sums at
/// the end would be loops that wait for local memory in each round.
///
/// `call[0]` is M. Pairs: token t has `topK` pairs of the router and behind them `extra` parts of
/// the shared expert, which are the matrices behind the local experts' own; `map` leads from the
/// router's experts to local ones, or to -1.
public final class WorkGroupKernels {
  private WorkGroupKernels() {}

  /// `y[t] = W x[t] + b`. Rows from `rows` on, if there is one, go to `rest[t]`.
  ///
  /// @param tokens of a work-group; 8 times as many work-items it must have at least
  public static void project(
      KernelContext context,
      IntArray call,
      FloatArray x,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray y,
      FloatArray rest,
      int rows,
      int allRows,
      int columns,
      int groupSize,
      int flags,
      int tokens) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int blocks = (allRows + 7) / 8;
    int firstToken = context.groupIdx / blocks * tokens;
    int block = context.groupIdx % blocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(tokens * (n * threads + 8));
    int chunks = (columns + 7) / 8;
    int last = call.get(0) - 1;
    int live = 0;
    if (firstToken <= last) {
      live = chunks;
    }
    int lanes = 8 / n;
    int lane = t % lanes * n;
    int step = threads / lanes;
    float[] weights = new float[8 * n];
    float[] sums = new float[tokens * n];
    for (int i = 0; i < tokens * n; i++) {
      sums[i] = 0f;
    }
    for (int chunk = t / lanes; chunk < live; chunk += step) {
      int at = block * chunks + chunk;
      int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
      for (int r = 0; r < n; r++) {
        for (int j = 0; j < 8; j++) {
          weights[r * 8 + j] = Chunks.element(words, scales, at, lane + r, scaleAt, j, flags);
        }
      }
      for (int i = 0; i < tokens; i++) {
        // Tokens behind the last one are computed as others are, and not written.
        int token = TornadoMath.min(firstToken + i, last);
        for (int j = 0; j < 8; j++) {
          float value =
              Chunks.activation(x, token * columns, chunk * 8 + j, columns, order, 0, flags);
          for (int r = 0; r < n; r++) {
            sums[i * n + r] += weights[r * 8 + j] * value;
          }
        }
      }
    }
    for (int i = 0; i < tokens; i++) {
      for (int r = 0; r < n; r++) {
        partial[(i * 8 + lane + r) * step + t / lanes] = sums[i * n + r];
      }
    }
    context.localBarrier();
    // Some values each, then what is left of each output by one work-item.
    int perOutput = threads / (8 * tokens);
    float part = 0f;
    for (int i = 0; i < n * tokens; i++) {
      part += partial[t / perOutput * step + i * perOutput + t % perOutput];
    }
    context.localBarrier();
    partial[t / perOutput * (perOutput + 1) + t % perOutput] = part;
    context.localBarrier();

    int token = firstToken + t / 8;
    int row = block * 8 + t % 8;
    if (t < 8 * tokens && token <= last) {
      if (row < allRows) {
        float sum = 0f;
        for (int i = 0; i < perOutput; i++) {
          sum += partial[t * (perOutput + 1) + i];
        }
        if ((flags & Flags.BIAS) != 0) {
          sum += bias.get(row);
        }
        if (row < rows) {
          y.set(token * rows + row, sum);
        } else {
          rest.set(token, sum);
        }
      }
    }
  }

  /// Gate, up and activation of every pair: `activated[M * (topK + extra), I]`. A work-group takes
  /// 8 rows of gate and up of one pair.
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
    int blocks = (rows + 7) / 8;
    int pair = context.groupIdx / blocks;
    int rowBlock = context.groupIdx % blocks;
    int token = pair / slots;
    int slot = pair % slots;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(2 * n * threads + 16);
    int expert = -1;
    if (token < call.get(0)) {
      expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
    }
    int chunks = (columns + 7) / 8;
    int live = 0;
    if (expert >= 0) {
      live = chunks;
    }
    int lanes = 8 / n;
    int lane = t % lanes * n;
    int step = threads / lanes;
    float[] sums = new float[2 * n];
    addGateUp(
        x, token, words, scales, order, expert, live, t / lanes, step, lane, rowBlock, rows,
        columns, groupSize, flags, sums);
    for (int half = 0; half < 2; half++) {
      for (int r = 0; r < n; r++) {
        partial[(half * 8 + lane + r) * step + t / lanes] = sums[half * n + r];
      }
    }
    context.localBarrier();
    // 2n values each, then what is left of each row by one work-item.
    int perRow = threads / 16;
    float part = 0f;
    for (int i = 0; i < 2 * n; i++) {
      part += partial[t / perRow * step + i * perRow + t % perRow];
    }
    context.localBarrier();
    partial[t / perRow * (perRow + 1) + t % perRow] = part;
    context.localBarrier();

    float sum = 0f;
    if (t < 16 && live > 0) {
      for (int i = 0; i < perRow; i++) {
        sum += partial[t * (perRow + 1) + i];
      }
      sum *= Pairs.weight(factors, token, slot, topK, extra, flags);
      if ((flags & Flags.BIAS) != 0) {
        sum += bias.get(((expert * 2 + t / 8) * blocks + rowBlock) * 8 + t % 8);
      }
    }
    context.localBarrier();
    if (t < 16) {
      partial[t] = sum;
    }
    context.localBarrier();
    int row = rowBlock * 8 + t;
    if (t < 8 && live > 0) {
      if (row < rows) {
        float y = Activations.apply(partial[t], partial[8 + t], flags, limit, alpha);
        if ((flags & Flags.SHARED_GATE) != 0) {
          if (slot >= topK) {
            y *= Activations.sigmoid(factors.get(token));
          }
        }
        activated.set(pair * rows + row, y);
      }
    }
  }

  /// A work-item's part of 8 rows of gate and up.
  ///
  /// @param live chunks of columns, or 0 where there is no expert
  /// @param first of the work-item's chunks
  /// @param step from one of them to the next
  /// @param lane the first of its rows
  /// @param sums first those of gate, then those of up
  static void addGateUp(
      FloatArray x,
      int token,
      IntArray words,
      FloatArray scales,
      IntArray order,
      int expert,
      int live,
      int first,
      int step,
      int lane,
      int rowBlock,
      int rows,
      int columns,
      int groupSize,
      int flags,
      float[] sums) {
    int n = Flags.rowsPerItem(flags);
    int blocks = (rows + 7) / 8;
    int chunks = (columns + 7) / 8;
    float[] chunkOfX = new float[8];
    for (int r = 0; r < 2 * n; r++) {
      sums[r] = 0f;
    }
    for (int chunk = first; chunk < live; chunk += step) {
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
        int block = (expert * 2 + half) * blocks + rowBlock;
        int at = block * chunks + chunk;
        int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
        for (int r = 0; r < n; r++) {
          sums[half * n + r] += Chunks.dot(words, scales, at, lane + r, scaleAt, chunkOfX, flags);
        }
      }
    }
  }

  /// Down projection, weighting and sum over a token's pairs, plus addends: `target[M, H]`. A
  /// work-group takes 8 rows, and its work-items the chunks of all pairs of a token; the router's
  /// weights go on the activations, so that the sum over pairs is the sum over work-items.
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
    int token = context.groupIdx / blocks;
    int rowBlock = context.groupIdx % blocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(n * threads + 8);
    int chunks = (columns + 7) / 8;
    int slots = topK + extra;
    int live = 0;
    if (token < call.get(0)) {
      live = slots * chunks;
    }
    int lanes = 8 / n;
    int lane = t % lanes * n;
    int step = threads / lanes;
    float[] chunkOfX = new float[8];
    float[] sums = new float[n];
    for (int r = 0; r < n; r++) {
      sums[r] = 0f;
    }
    for (int item = t / lanes; item < live; item += step) {
      int slot = item / chunks;
      int chunk = item % chunks;
      int from = chunk * 8;
      int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
      float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
      if (expert >= 0) {
        for (int j = 0; j < 8; j++) {
          chunkOfX[j] =
              Chunks.activation(
                      activated,
                      (token * slots + slot) * columns,
                      from + j,
                      columns,
                      order,
                      expert * columns,
                      flags)
                  * weight;
        }
        int block = expert * blocks + rowBlock;
        int at = block * chunks + chunk;
        int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
        for (int r = 0; r < n; r++) {
          sums[r] += Chunks.dot(words, scales, at, lane + r, scaleAt, chunkOfX, flags);
        }
      }
    }
    for (int r = 0; r < n; r++) {
      partial[(lane + r) * step + t / lanes] = sums[r];
    }
    context.localBarrier();
    // n values each, then what is left of each row by one work-item.
    int perRow = threads / 8;
    float part = 0f;
    for (int i = 0; i < n; i++) {
      part += partial[t / perRow * step + i * perRow + t % perRow];
    }
    context.localBarrier();
    partial[t / perRow * (perRow + 1) + t % perRow] = part;
    context.localBarrier();

    int row = rowBlock * 8 + t;
    if (t < 8 && live > 0) {
      if (row < rows) {
        float sum = 0f;
        for (int i = 0; i < perRow; i++) {
          sum += partial[t * (perRow + 1) + i];
        }
        if ((flags & Flags.BIAS) != 0) {
          for (int slot = 0; slot < slots; slot++) {
            int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
            float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
            if (expert >= 0) {
              sum += weight * bias.get((expert * blocks + rowBlock) * 8 + t);
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
