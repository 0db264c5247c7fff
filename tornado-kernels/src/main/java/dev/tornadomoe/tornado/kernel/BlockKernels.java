package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs and small blocks of pairs with the same expert, as [GroupingKernels#group] cuts
/// them: a work-group makes 8 rows for all pairs of a block and sums through local memory, as
/// [WorkGroupKernels] does for one token, so that a weight is loaded and decoded once for all of
/// them. Against tiles ([TileKernels]) it has many more work-items for the same work, which is what
/// hides the memory's latency as long as there are few pairs.
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
    int rowBlocks = (rows + 7) / 8;
    int number = context.groupIdx / rowBlocks;
    int rowBlock = context.groupIdx % rowBlocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(tokens * (2 * n * threads + 16));
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int slots = topK + extra;
    int live = 0;
    if (count > 0) {
      live = (columns + 7) / 8;
    }
    int lanes = 8 / n;
    int lane = t % lanes * n;
    int step = threads / lanes;
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
    for (int chunk = t / lanes; chunk < live; chunk += step) {
      for (int half = 0; half < 2; half++) {
        addChunk(
            x,
            from,
            words,
            scales,
            order,
            (expert * 2 + half) * columns,
            (expert * 2 + half) * rowBlocks + rowBlock,
            chunk,
            lane,
            columns,
            groupSize,
            flags,
            sums,
            half * n * tokens,
            tokens);
      }
    }
    for (int half = 0; half < 2; half++) {
      for (int r = 0; r < n; r++) {
        for (int i = 0; i < tokens; i++) {
          partial[((i * 2 + half) * 8 + lane + r) * step + t / lanes] =
              sums[(half * n + r) * tokens + i];
        }
      }
    }
    context.localBarrier();
    // Some values each, then what is left of each output by one work-item.
    int perOutput = threads / (16 * tokens);
    float part = 0f;
    for (int i = 0; i < 2 * n * tokens; i++) {
      part += partial[t / perOutput * step + i * perOutput + t % perOutput];
    }
    context.localBarrier();
    partial[t / perOutput * (perOutput + 1) + t % perOutput] = part;
    context.localBarrier();

    // Output (i * 2 + half) * 8 + r: a work-item takes gate and up of a pair's row.
    int i = t / 8;
    int row = rowBlock * 8 + t % 8;
    if (i < count && row < rows) {
      int gateAt = i * 16 + t % 8;
      float gate = 0f;
      float up = 0f;
      for (int p = 0; p < perOutput; p++) {
        gate += partial[gateAt * (perOutput + 1) + p];
        up += partial[(gateAt + 8) * (perOutput + 1) + p];
      }
      int pair = pairs.get(first + i);
      float factor = Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
      gate *= factor;
      up *= factor;
      if ((flags & Flags.BIAS) != 0) {
        int biasAt = (expert * 2 * rowBlocks + rowBlock) * 8 + t % 8;
        gate += bias.get(biasAt);
        up += bias.get(biasAt + rowBlocks * 8);
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
    int rowBlocks = (rows + 7) / 8;
    int number = context.groupIdx / rowBlocks;
    int rowBlock = context.groupIdx % rowBlocks;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(tokens * (n * threads + 8));
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int live = 0;
    if (count > 0) {
      live = (columns + 7) / 8;
    }
    int lanes = 8 / n;
    int lane = t % lanes * n;
    int step = threads / lanes;
    int[] from = new int[tokens];
    for (int i = 0; i < tokens; i++) {
      from[i] = (first + TornadoMath.min(i, TornadoMath.max(0, count - 1))) * columns;
    }
    float[] sums = new float[n * tokens];
    for (int i = 0; i < n * tokens; i++) {
      sums[i] = 0f;
    }
    for (int chunk = t / lanes; chunk < live; chunk += step) {
      addChunk(
          activated,
          from,
          words,
          scales,
          order,
          expert * columns,
          expert * rowBlocks + rowBlock,
          chunk,
          lane,
          columns,
          groupSize,
          flags,
          sums,
          0,
          tokens);
    }
    for (int r = 0; r < n; r++) {
      for (int i = 0; i < tokens; i++) {
        partial[(i * 8 + lane + r) * step + t / lanes] = sums[r * tokens + i];
      }
    }
    context.localBarrier();
    int perOutput = threads / (8 * tokens);
    float part = 0f;
    for (int i = 0; i < n * tokens; i++) {
      part += partial[t / perOutput * step + i * perOutput + t % perOutput];
    }
    context.localBarrier();
    partial[t / perOutput * (perOutput + 1) + t % perOutput] = part;
    context.localBarrier();

    int i = t / 8;
    int row = rowBlock * 8 + t % 8;
    if (i < count && row < rows) {
      float sum = 0f;
      for (int p = 0; p < perOutput; p++) {
        sum += partial[t * (perOutput + 1) + p];
      }
      if ((flags & Flags.BIAS) != 0) {
        sum += bias.get((expert * rowBlocks + rowBlock) * 8 + t % 8);
      }
      target.set(pairs.get(first + i) * rows + row, sum);
    }
  }

  /// Adds a chunk of a work-item's rows of one matrix, times some tokens' activations, to `sums`.
  ///
  /// @param from where each token's activations begin in `x`
  /// @param sumsAt of the first row's first token
  private static void addChunk(
      FloatArray x,
      int[] from,
      IntArray words,
      FloatArray scales,
      IntArray order,
      int orderAt,
      int block,
      int chunk,
      int lane,
      int columns,
      int groupSize,
      int flags,
      float[] sums,
      int sumsAt,
      int tokens) {
    int n = Flags.rowsPerItem(flags);
    int at = block * ((columns + 7) / 8) + chunk;
    int scaleAt = Chunks.scaleAt(block, chunk, columns, groupSize);
    float[] activations = new float[8 * tokens];
    for (int i = 0; i < tokens; i++) {
      for (int j = 0; j < 8; j++) {
        activations[i * 8 + j] =
            Chunks.activation(x, from[i], chunk * 8 + j, columns, order, orderAt, flags);
      }
    }
    float[] weights = new float[8];
    for (int r = 0; r < n; r++) {
      int word = Chunks.word(words, at, lane + r, flags);
      float zero = Chunks.zero(scales, scaleAt, lane + r, flags);
      float scale = Chunks.scale(scales, scaleAt, lane + r, flags);
      for (int j = 0; j < 8; j++) {
        weights[j] = Chunks.unscaled(word, zero, words, scales, at, lane + r, j, flags);
      }
      for (int i = 0; i < tokens; i++) {
        float sum = 0f;
        for (int j = 0; j < 8; j++) {
          sum += weights[j] * activations[i * 8 + j];
        }
        sums[sumsAt + r * tokens + i] += sum * scale;
      }
    }
  }
}
