package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs and small blocks of pairs with the same expert, as [GroupingKernels#group] cuts
/// them: a work-group makes some blocks of 8 rows for all pairs of a block and sums through local
/// memory, as [WorkGroupKernels] does for one token, so that a weight is loaded and decoded once
/// for all of them. Against tiles ([TileKernels]) it has many more work-items for the same work,
/// which is what hides the memory's latency as long as there are few pairs.
public final class BlockKernels {
  private BlockKernels() {}

  /// Gate, up and activation of blocks of pairs, in the order of `pairs`.
  ///
  /// @param blocks of each its expert, its first place in `pairs`, and how many
  /// @param tokens the most pairs of a block; a group has at least 16 times as many work-items
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
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int groups = (rows + 8 * n - 1) / (8 * n);
    int number = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (8 * n);
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(2 * n * tokens * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int slots = topK + extra;
    int live = 0;
    if (count > 0) {
      live = (columns + 7) / 8;
    }
    int[] from = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      from[i] = 0;
      if (i < count) {
        from[i] = pairs.get(first + i) / slots * columns;
      }
    }
    float[] sums = new float[2 * n * tokens];
    for (int i = 0; i < 2 * n * tokens; i++) {
      sums[i] = 0f;
    }
    float[] activations = new float[8 * tokens];
    for (int chunk = t / 8; chunk < live; chunk += threads / 8) {
      for (int half = 0; half < 2; half++) {
        load(x, from, order, expert * 2 + half, chunk, columns, flags, activations, tokens);
        for (int b = 0; b < n; b++) {
          add(
              words,
              scales,
              block(expert * 2 + half, firstRow, b, rows),
              chunk,
              t % 8,
              columns,
              groupSize,
              flags,
              activations,
              sums,
              (half * n + b) * tokens,
              tokens);
        }
      }
    }
    for (int i = 0; i < 2 * n * tokens; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    // Some values each, then what is left of each output by one work-item.
    int outputs = 16 * n * tokens;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < 2 * n * tokens; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();

    // Output ((half * n + block) * tokens + i) * 8 + lane: a work-item takes gate and up of a
    // pair's row.
    int i = t / 8 % tokens;
    int row = firstRow + t / (8 * tokens) * 8 + t % 8;
    if (t < outputs / 2 && i < count && row < rows) {
      float gate = 0f;
      float up = 0f;
      for (int p = 0; p < perOutput; p++) {
        gate += parts[p * outputs + t];
        up += parts[p * outputs + outputs / 2 + t];
      }
      int pair = pairs.get(first + i);
      float factor = Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
      gate *= factor;
      up *= factor;
      if ((flags & Flags.BIAS) != 0) {
        int biasAt = expert * 2 * ((rows + 7) / 8) * 8 + row;
        gate += bias.get(biasAt);
        up += bias.get(biasAt + (rows + 7) / 8 * 8);
      }
      float y = Activations.apply(gate, up, flags, limit, alpha);
      if ((flags & Flags.SHARED_GATE) != 0) {
        if (pair % slots >= topK) {
          y *= Activations.sigmoid(factors.get(pair / slots));
        }
      }
      activated.set((first + i) * rows + row, y);
    }
  }

  /// Down projection of blocks of pairs, back to pair order: `target[M * (topK + extra), H]`.
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
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int groups = (rows + 8 * n - 1) / (8 * n);
    int number = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (8 * n);
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(n * tokens * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int live = 0;
    if (count > 0) {
      live = (columns + 7) / 8;
    }
    int[] from = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      from[i] = (first + TornadoMath.min(i, TornadoMath.max(0, count - 1))) * columns;
    }
    float[] sums = new float[n * tokens];
    for (int i = 0; i < n * tokens; i++) {
      sums[i] = 0f;
    }
    float[] activations = new float[8 * tokens];
    for (int chunk = t / 8; chunk < live; chunk += threads / 8) {
      load(activated, from, order, expert, chunk, columns, flags, activations, tokens);
      for (int b = 0; b < n; b++) {
        add(
            words,
            scales,
            block(expert, firstRow, b, rows),
            chunk,
            t % 8,
            columns,
            groupSize,
            flags,
            activations,
            sums,
            b * tokens,
            tokens);
      }
    }
    for (int i = 0; i < n * tokens; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    int outputs = 8 * n * tokens;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < n * tokens; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();

    int i = t / 8 % tokens;
    int row = firstRow + t / (8 * tokens) * 8 + t % 8;
    if (t < outputs && i < count && row < rows) {
      float sum = 0f;
      for (int p = 0; p < perOutput; p++) {
        sum += parts[p * outputs + t];
      }
      if ((flags & Flags.BIAS) != 0) {
        sum += bias.get(expert * ((rows + 7) / 8) * 8 + row);
      }
      target.set(pairs.get(first + i) * rows + row, sum);
    }
  }

  /// Loads a chunk of some tokens' activations.
  ///
  /// @param from where each token's begin in `x`
  /// @param matrix number in the arrays
  private static void load(
      FloatArray x,
      int[] from,
      IntArray order,
      int matrix,
      int chunk,
      int columns,
      int flags,
      float[] activations,
      int tokens) {
    for (int i = 0; i < tokens; i++) {
      for (int j = 0; j < 8; j++) {
        activations[i * 8 + j] =
            Chunks.activation(x, from[i], chunk * 8 + j, columns, order, matrix * columns, flags);
      }
    }
  }

  /// A group's block of rows. Blocks behind the last one are computed as others are, and not
  /// written.
  private static int block(int matrix, int firstRow, int b, int rows) {
    int rowBlocks = (rows + 7) / 8;
    return matrix * rowBlocks + TornadoMath.min(firstRow / 8 + b, rowBlocks - 1);
  }

  /// Adds a chunk of one row, times some tokens' activations, to `sums`.
  ///
  /// @param lane of the row in its block
  /// @param sumsAt of the first token
  private static void add(
      IntArray words,
      FloatArray scales,
      int block,
      int chunk,
      int lane,
      int columns,
      int groupSize,
      int flags,
      float[] activations,
      float[] sums,
      int sumsAt,
      int tokens) {
    int at = Chunks.at(block, chunk, lane, columns, flags);
    int word = Chunks.word(words, at, flags);
    int scaleAt = Chunks.scaleAt(block, chunk, lane, columns, groupSize, flags);
    float zero = Chunks.zero(scales, scaleAt, flags);
    float scale = Chunks.scale(scales, scaleAt, flags);
    float[] weights = new float[8];
    for (int j = 0; j < 8; j++) {
      weights[j] = Chunks.unscaled(word, zero, words, scales, at, lane, columns, j, flags);
    }
    for (int i = 0; i < tokens; i++) {
      float sum = 0f;
      for (int j = 0; j < 8; j++) {
        sum += weights[j] * activations[i * 8 + j];
      }
      sums[sumsAt + i] += sum * scale;
    }
  }
}
