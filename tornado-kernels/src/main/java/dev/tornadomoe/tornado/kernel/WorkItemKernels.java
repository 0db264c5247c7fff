package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for devices that are CPUs: a work-item makes one row's outputs by itself, without local
/// memory and barriers. The same shapes and results as [WorkGroupKernels].
///
/// `call[0]` is M. Pairs: token t has `topK` pairs of the router and behind them `extra` parts of
/// the shared expert, which are the matrices behind the local experts' own; `map` leads from the
/// router's experts to local ones, or to -1.
public final class WorkItemKernels {
  private WorkItemKernels() {}

  /// Gate, up and activation of every pair: `activated[M * (topK + extra), I]`.
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
    int slots = topK + extra;
    int pair = context.globalIdx / rows;
    int row = context.globalIdx % rows;
    int token = pair / slots;
    int slot = pair % slots;
    if (token < call.get(0)) {
      int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
      float factor = Pairs.weight(factors, token, slot, topK, extra, flags);
      if (expert >= 0) {
        int chunks = (columns + 7) / 8;
        int blocks = (rows + 7) / 8;
        float[] chunkOfX = new float[8];
        float gate = 0f;
        float up = 0f;
        for (int half = 0; half < 2; half++) {
          int block = (expert * 2 + half) * blocks + row / 8;
          float sum = 0f;
          for (int chunk = 0; chunk < chunks; chunk++) {
            int from = chunk * 8;
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
            sum +=
                Chunks.dot(
                    words, scales, block, chunk, row % 8, columns, groupSize, chunkOfX, flags);
          }
          sum *= factor;
          if ((flags & Flags.BIAS) != 0) {
            sum += bias.get(block * 8 + row % 8);
          }
          gate = up;
          up = sum;
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

  /// Down projection, weighting and sum over a token's pairs, plus addends: `target[M, H]`.
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
    int token = context.globalIdx / rows;
    int row = context.globalIdx % rows;
    if (token < call.get(0)) {
      int chunks = (columns + 7) / 8;
      int blocks = (rows + 7) / 8;
      int slots = topK + extra;
      float[] chunkOfX = new float[8];
      float sum = 0f;
      for (int slot = 0; slot < slots; slot++) {
        int expert = Pairs.expert(ids, map, token, slot, topK, extra, experts, flags);
        float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
        if (expert >= 0) {
          int block = expert * blocks + row / 8;
          float y = 0f;
          for (int chunk = 0; chunk < chunks; chunk++) {
            int from = chunk * 8;
            for (int j = 0; j < 8; j++) {
              chunkOfX[j] =
                  Chunks.activation(
                      activated,
                      (token * slots + slot) * columns,
                      from + j,
                      columns,
                      order,
                      expert * columns,
                      flags);
            }
            y +=
                Chunks.dot(
                    words, scales, block, chunk, row % 8, columns, groupSize, chunkOfX, flags);
          }
          if ((flags & Flags.BIAS) != 0) {
            y += bias.get(block * 8 + row % 8);
          }
          sum += y * weight;
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

  /// Gate, up and activation of blocks of pairs with the same expert, in the order of `pairs`; each
  /// weight is decoded once for all pairs of a block.
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
      int tokens,
      int rowsPerItem) {
    int number = context.globalIdx / rows;
    int row = context.globalIdx % rows;
    int count = blocks.get(3 * number + 2);
    if (count > 0) {
      int expert = blocks.get(3 * number);
      int first = blocks.get(3 * number + 1);
      int slots = topK + extra;
      int chunks = (columns + 7) / 8;
      int rowBlocks = (rows + 7) / 8;
      float[] gate = new float[tokens];
      float[] up = new float[tokens];
      for (int half = 0; half < 2; half++) {
        int block = (expert * 2 + half) * rowBlocks + row / 8;
        for (int i = 0; i < tokens; i++) {
          gate[i] = up[i];
          up[i] = 0f;
        }
        for (int chunk = 0; chunk < chunks; chunk++) {
          for (int j = 0; j < 8; j++) {
            int column = chunk * 8 + j;
            float w =
                Chunks.element(words, scales, block, chunk, row % 8, columns, groupSize, j, flags);
            for (int i = 0; i < count; i++) {
              int xAt = pairs.get(first + i) / slots * columns;
              up[i] +=
                  w
                      * Chunks.activation(
                          x, xAt, column, columns, order, (expert * 2 + half) * columns, flags);
            }
          }
        }
        for (int i = 0; i < count; i++) {
          int pair = pairs.get(first + i);
          up[i] *= Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
          if ((flags & Flags.BIAS) != 0) {
            up[i] += bias.get(block * 8 + row % 8);
          }
        }
      }
      for (int i = 0; i < count; i++) {
        int pair = pairs.get(first + i);
        float y = Activations.apply(gate[i], up[i], flags, limit, alpha);
        if ((flags & Flags.SHARED_GATE) != 0) {
          if (pair % slots >= topK) {
            y *= Activations.sigmoid(factors.get(pair / slots));
          }
        }
        activated.set((first + i) * rows + row, y);
      }
    }
  }

  /// Down projection of blocks of pairs with the same expert, back to pair order: `target[M * (topK
  /// + extra), H]`.
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
      int tokens,
      int rowsPerItem) {
    int number = context.globalIdx / rows;
    int row = context.globalIdx % rows;
    int count = blocks.get(3 * number + 2);
    if (count > 0) {
      int expert = blocks.get(3 * number);
      int first = blocks.get(3 * number + 1);
      int chunks = (columns + 7) / 8;
      int block = expert * ((rows + 7) / 8) + row / 8;
      float[] sums = new float[tokens];
      for (int i = 0; i < tokens; i++) {
        sums[i] = 0f;
      }
      for (int chunk = 0; chunk < chunks; chunk++) {
        for (int j = 0; j < 8; j++) {
          int column = chunk * 8 + j;
          float w =
              Chunks.element(words, scales, block, chunk, row % 8, columns, groupSize, j, flags);
          for (int i = 0; i < count; i++) {
            sums[i] +=
                w
                    * Chunks.activation(
                        activated,
                        (first + i) * columns,
                        column,
                        columns,
                        order,
                        expert * columns,
                        flags);
          }
        }
      }
      for (int i = 0; i < count; i++) {
        float y = sums[i];
        if ((flags & Flags.BIAS) != 0) {
          y += bias.get(block * 8 + row % 8);
        }
        target.set(pairs.get(first + i) * rows + row, y);
      }
    }
  }
}
