package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs: a work-group makes the outputs of 8 rows, or for many tokens a tile of rows
/// and tokens, and sums through local memory. Nothing depends on the width of a wave; a barrier
/// stands wherever work-items exchange something, and never inside a condition: work-groups with
/// nothing to do have loops without rounds.
///
/// `call[0]` is M. Pairs: token t has `topK` pairs of the router and behind them `extra` parts of
/// the shared expert, which are the matrices behind the local experts' own; `map` leads from the
/// router's experts to local ones, or to -1. `threads` is the size of a work-group, a power of two
/// and at least 16.
public final class WorkGroupKernels {
  /// Columns of activations that a tile keeps in local memory at a time.
  private static final int TILE_COLUMNS = 64;

  private WorkGroupKernels() {}

  /// `y[t] = W x[t] + b`. Rows from `rows` on, if there is one, go to `rest[t]`.
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
      int threads) {
    int blocks = (allRows + 7) / 8;
    int token = context.groupIdx / blocks;
    int block = context.groupIdx % blocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads * 8);
    int chunks = (columns + 7) / 8;
    int live = 0;
    if (token < call.get(0)) {
      live = chunks;
    }
    float[] chunkOfX = new float[8];
    float[] sums = new float[8];
    for (int r = 0; r < 8; r++) {
      sums[r] = 0f;
    }
    for (int chunk = t; chunk < live; chunk += threads) {
      int from = chunk * 8;
      for (int j = 0; j < 8; j++) {
        chunkOfX[j] = Chunks.activation(x, token * columns, from + j, columns, order, 0, flags);
      }
      int at = block * chunks + chunk;
      int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
      for (int r = 0; r < 8; r++) {
        sums[r] += Chunks.dot(words, scales, at, r, scaleAt, chunkOfX, flags);
      }
    }
    for (int r = 0; r < 8; r++) {
      partial[r * threads + t] = sums[r];
    }
    context.localBarrier();
    // 8 values each, then what is left of each row by one work-item.
    int perRow = threads / 8;
    float part = 0f;
    for (int i = 0; i < 8; i++) {
      part += partial[t / perRow * threads + i * perRow + t % perRow];
    }
    context.localBarrier();
    partial[t] = part;
    context.localBarrier();

    int row = block * 8 + t;
    if (t < 8 && live > 0) {
      if (row < allRows) {
        float sum = 0f;
        for (int i = 0; i < perRow; i++) {
          sum += partial[t * perRow + i];
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
  /// 8 rows of gate and up of one pair, a work-item all 16 of a chunk of columns, so that each
  /// activation is loaded once for 16 weights.
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
    int threads = context.localGroupSizeX;
    int slots = topK + extra;
    int blocks = (rows + 7) / 8;
    int pair = context.groupIdx / blocks;
    int rowBlock = context.groupIdx % blocks;
    int token = pair / slots;
    int slot = pair % slots;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(16 * 256);
    int expert = -1;
    if (token < call.get(0)) {
      expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
    }
    int chunks = (columns + 7) / 8;
    int live = 0;
    if (expert >= 0) {
      live = chunks;
    }
    float[] chunkOfX = new float[8];
    float[] sums = new float[16];
    for (int r = 0; r < 16; r++) {
      sums[r] = 0f;
    }
    for (int chunk = t; chunk < live; chunk += threads) {
      int from = chunk * 8;
      for (int half = 0; half < 2; half++) {
        for (int j = 0; j < 8; j++) {
          chunkOfX[j] =
              Chunks.activation(
                  x,
                  token * columns,
                  from + j,
                  columns,
                  order,
                  (expert * 2 + half) * columns,
                  flags);
        }
        int block = (expert * 2 + half) * blocks + rowBlock;
        int at = block * chunks + chunk;
        int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
        for (int r = 0; r < 8; r++) {
          sums[half * 8 + r] += Chunks.dot(words, scales, at, r, scaleAt, chunkOfX, flags);
        }
      }
    }
    for (int r = 0; r < 16; r++) {
      partial[r * threads + t] = sums[r];
    }
    context.localBarrier();
    // 16 values each, then what is left of each row by one work-item.
    int perRow = threads / 16;
    float part = 0f;
    for (int i = 0; i < 16; i++) {
      part += partial[t / perRow * threads + i * perRow + t % perRow];
    }
    context.localBarrier();
    partial[t] = part;
    context.localBarrier();

    float sum = 0f;
    if (t < 16 && live > 0) {
      for (int i = 0; i < perRow; i++) {
        sum += partial[t * perRow + i];
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
    int threads = context.localGroupSizeX;
    int blocks = (rows + 7) / 8;
    int token = context.groupIdx / blocks;
    int rowBlock = context.groupIdx % blocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(8 * 256);
    int chunks = (columns + 7) / 8;
    int slots = topK + extra;
    int live = 0;
    if (token < call.get(0)) {
      live = slots * chunks;
    }
    float[] chunkOfX = new float[8];
    float[] sums = new float[8];
    for (int r = 0; r < 8; r++) {
      sums[r] = 0f;
    }
    for (int item = t; item < live; item += threads) {
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
        for (int r = 0; r < 8; r++) {
          sums[r] += Chunks.dot(words, scales, at, r, scaleAt, chunkOfX, flags);
        }
      }
    }
    for (int r = 0; r < 8; r++) {
      partial[r * threads + t] = sums[r];
    }
    context.localBarrier();
    // 8 values each, then what is left of each row by one work-item.
    int perRow = threads / 8;
    float part = 0f;
    for (int i = 0; i < 8; i++) {
      part += partial[t / perRow * threads + i * perRow + t % perRow];
    }
    context.localBarrier();
    partial[t] = part;
    context.localBarrier();

    int row = rowBlock * 8 + t;
    if (t < 8 && live > 0) {
      if (row < rows) {
        float sum = 0f;
        for (int i = 0; i < perRow; i++) {
          sum += partial[t * perRow + i];
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

  /// Gate, up and activation of blocks of pairs with the same expert, in the order of `pairs`. A
  /// work-group takes a block and as many rows as it has work-items; a work-item owns a row of gate
  /// and the same of up for all pairs of the block, so that it can apply the activation itself.
  ///
  /// @param blocks as [GroupingKernels#group] makes them
  /// @param tokens the most pairs of a block
  public static void blockGateUp(
      KernelContext context,
      IntArray blocks,
      IntArray pairs,
      FloatArray factors,
      FloatArray x,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray activated,
      int topK,
      int extra,
      int columns,
      int rows,
      int groupSize,
      int flags,
      float limit,
      float alpha,
      int tokens) {
    int threads = context.localGroupSizeX;
    int tiles = (rows + threads - 1) / threads;
    int number = context.groupIdx / tiles;
    int t = context.localIdx;
    float[] tile = context.allocateFloatLocalArray(TILE_COLUMNS * tokens);
    int expert = 0;
    int first = 0;
    int count = 0;
    int live = 0;
    if (number < blocks.get(0)) {
      expert = blocks.get(1 + 3 * number);
      first = blocks.get(2 + 3 * number);
      count = blocks.get(3 + 3 * number);
      live = columns;
    }
    int row = context.groupIdx % tiles * threads + t;
    int slots = topK + extra;
    int chunks = (columns + 7) / 8;
    int rowBlocks = (rows + 7) / 8;
    int rowBlock = row / 8;
    if (row >= rows) {
      rowBlock = 0; // computed like the others, for the barriers' sake, and not written
    }
    int gateBlock = expert * 2 * rowBlocks + rowBlock;
    int upBlock = gateBlock + rowBlocks;
    float[] gate = new float[tokens];
    float[] up = new float[tokens];
    for (int i = 0; i < tokens; i++) {
      gate[i] = 0f;
      up[i] = 0f;
    }
    if ((flags & Flags.ACT_ORDER) == 0) {
      for (int start = 0; start < live; start += TILE_COLUMNS) {
        context.localBarrier();
        for (int item = t; item < TILE_COLUMNS * tokens; item += threads) {
          int column = start + item / tokens;
          int i = item % tokens;
          float value = 0f;
          if (i < count) {
            if (column < columns) {
              value = x.get(pairs.get(first + i) / slots * columns + column);
            }
          }
          tile[item] = value;
        }
        context.localBarrier();
        for (int c = 0; c < TILE_COLUMNS / 8; c++) {
          int chunk = start / 8 + c;
          if (chunk < chunks) {
            int gateScaleAt = Chunks.scaleAt(gateBlock, chunk, columns, groupSize);
            int upScaleAt = Chunks.scaleAt(upBlock, chunk, columns, groupSize);
            for (int j = 0; j < 8; j++) {
              float g =
                  Chunks.element(
                      words, scales, gateBlock * chunks + chunk, row % 8, gateScaleAt, j, flags);
              float u =
                  Chunks.element(
                      words, scales, upBlock * chunks + chunk, row % 8, upScaleAt, j, flags);
              for (int i = 0; i < tokens; i++) {
                float a = tile[(c * 8 + j) * tokens + i];
                gate[i] += g * a;
                up[i] += u * a;
              }
            }
          }
        }
      }
    } else {
      // Gate and up may have orders of their own: then each has its own tile.
      for (int half = 0; half < 2; half++) {
        for (int i = 0; i < tokens; i++) {
          gate[i] = up[i];
          up[i] = 0f;
        }
        int block = gateBlock + half * rowBlocks;
        for (int start = 0; start < live; start += TILE_COLUMNS) {
          context.localBarrier();
          for (int item = t; item < TILE_COLUMNS * tokens; item += threads) {
            int column = start + item / tokens;
            int i = item % tokens;
            float value = 0f;
            if (i < count) {
              if (column < columns) {
                int from = order.get((expert * 2 + half) * columns + column);
                value = x.get(pairs.get(first + i) / slots * columns + from);
              }
            }
            tile[item] = value;
          }
          context.localBarrier();
          for (int c = 0; c < TILE_COLUMNS / 8; c++) {
            int chunk = start / 8 + c;
            if (chunk < chunks) {
              int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
              for (int j = 0; j < 8; j++) {
                float w =
                    Chunks.element(
                        words, scales, block * chunks + chunk, row % 8, scaleAt, j, flags);
                for (int i = 0; i < tokens; i++) {
                  up[i] += w * tile[(c * 8 + j) * tokens + i];
                }
              }
            }
          }
        }
      }
    }
    if (row < rows) {
      for (int i = 0; i < tokens; i++) {
        if (i < count) {
          int pair = pairs.get(first + i);
          int slot = pair % slots;
          float g = gate[i];
          float u = up[i];
          float factor = Pairs.weight(factors, pair / slots, slot, topK, extra, flags);
          g *= factor;
          u *= factor;
          if ((flags & Flags.BIAS) != 0) {
            g += bias.get(gateBlock * 8 + row % 8);
            u += bias.get(upBlock * 8 + row % 8);
          }
          float y = Activations.apply(g, u, flags, limit, alpha);
          if ((flags & Flags.SHARED_GATE) != 0) {
            if (slot >= topK) {
              y *= Activations.sigmoid(factors.get(pair / slots));
            }
          }
          activated.set((first + i) * rows + row, y);
        }
      }
    }
  }

  /// Down projection of blocks of pairs with the same expert, back to pair order: `target[M * (topK
  /// + extra), H]`. A work-item owns two rows, a work-group's width apart.
  public static void blockDown(
      KernelContext context,
      IntArray blocks,
      IntArray pairs,
      FloatArray activated,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray target,
      int columns,
      int rows,
      int groupSize,
      int flags,
      int tokens) {
    int threads = context.localGroupSizeX;
    int tiles = (rows + 2 * threads - 1) / (2 * threads);
    int number = context.groupIdx / tiles;
    int t = context.localIdx;
    float[] tile = context.allocateFloatLocalArray(TILE_COLUMNS * tokens);
    int expert = 0;
    int first = 0;
    int count = 0;
    int live = 0;
    if (number < blocks.get(0)) {
      expert = blocks.get(1 + 3 * number);
      first = blocks.get(2 + 3 * number);
      count = blocks.get(3 + 3 * number);
      live = columns;
    }
    int row = context.groupIdx % tiles * 2 * threads + t;
    int other = row + threads;
    int chunks = (columns + 7) / 8;
    int rowBlocks = (rows + 7) / 8;
    int block = expert * rowBlocks;
    int otherBlock = expert * rowBlocks;
    if (row < rows) {
      block += row / 8;
    }
    if (other < rows) {
      otherBlock += other / 8;
    }
    float[] sums = new float[tokens];
    float[] others = new float[tokens];
    for (int i = 0; i < tokens; i++) {
      sums[i] = 0f;
      others[i] = 0f;
    }
    for (int start = 0; start < live; start += TILE_COLUMNS) {
      context.localBarrier();
      for (int item = t; item < TILE_COLUMNS * tokens; item += threads) {
        int column = start + item / tokens;
        int i = item % tokens;
        float value = 0f;
        if (i < count) {
          if (column < columns) {
            value =
                Chunks.activation(
                    activated,
                    (first + i) * columns,
                    column,
                    columns,
                    order,
                    expert * columns,
                    flags);
          }
        }
        tile[item] = value;
      }
      context.localBarrier();
      for (int c = 0; c < TILE_COLUMNS / 8; c++) {
        int chunk = start / 8 + c;
        if (chunk < chunks) {
          int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
          int otherScaleAt = Chunks.scaleAt(otherBlock, chunk, columns, groupSize);
          for (int j = 0; j < 8; j++) {
            float w =
                Chunks.element(words, scales, block * chunks + chunk, row % 8, scaleAt, j, flags);
            float v =
                Chunks.element(
                    words, scales, otherBlock * chunks + chunk, other % 8, otherScaleAt, j, flags);
            for (int i = 0; i < tokens; i++) {
              float a = tile[(c * 8 + j) * tokens + i];
              sums[i] += w * a;
              others[i] += v * a;
            }
          }
        }
      }
    }
    for (int i = 0; i < tokens; i++) {
      if (i < count) {
        int to = pairs.get(first + i) * rows;
        float y = sums[i];
        float z = others[i];
        if ((flags & Flags.BIAS) != 0) {
          y += bias.get(block * 8 + row % 8);
          z += bias.get(otherBlock * 8 + other % 8);
        }
        if (row < rows) {
          target.set(to + row, y);
        }
        if (other < rows) {
          target.set(to + other, z);
        }
      }
    }
  }
}
