package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs and many tokens: blocks of pairs with the same expert, as
/// [GroupingKernels#group] cuts them. A work-group makes a tile of rows for the pairs of a block;
/// each work-item keeps the sums of `rowsPerItem` rows times `tokens` pairs in registers, so that a
/// weight is decoded once for all pairs, and an activation read from local memory once for all of
/// its rows. That ratio is what the speed hangs on: with 6 rows times 16 pairs (96 sums, 168
/// registers on an H200) two thirds of all instructions are multiplications; with 8 times 16 the
/// registers run out.
///
/// Activations lie in local memory by column, `tokens + 4` apart: a compiler that sees four of them
/// at a multiple of 16 bytes reads them with one instruction, which is worth the few banks that
/// neighbouring work-items share when they write them. Words and scales are loaded a chunk ahead:
/// with so many registers a wave has few others to wait with. What is left is instructions, most of
/// them multiplications, and cycles in which none of the few waves is ready.
///
/// Rows of a work-item are a group's width apart, so lanes read neighbouring words. No barrier
/// stands inside a condition: work-groups of an empty block have loops without rounds.
public final class TileKernels {
  /// Columns of activations in local memory at a time.
  public static final int COLUMNS = 64;

  /// Floats behind a column's activations there.
  public static final int PADDING = 4;

  private TileKernels() {}

  /// Gate, up and activation of blocks of pairs, in the order of `pairs`. A work-item owns
  /// `rowsPerItem` rows of gate and the same of up, so that it can apply the activation itself.
  ///
  /// @param blocks of each its expert, its first place in `pairs`, and how many
  /// @param tokens the most pairs of a block
  public static void tileGateUp(
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
    int threads = context.localGroupSizeX;
    int t = context.localIdx;
    int tiles = (rows + rowsPerItem * threads - 1) / (rowsPerItem * threads);
    int number = context.groupIdx / tiles;
    int firstRow = context.groupIdx % tiles * rowsPerItem * threads + t;
    float[] tile = context.allocateFloatLocalArray(COLUMNS * (tokens + PADDING));
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int live = 0;
    if (count > 0) {
      live = columns;
    }
    int slots = topK + extra;
    int chunks = (columns + 7) / 8;
    int rowBlocks = (rows + 7) / 8;
    int[] block = new int[2 * rowsPerItem];
    for (int r = 0; r < rowsPerItem; r++) {
      // Rows behind the last one are computed as others are, and not written.
      int row = TornadoMath.min(firstRow + r * threads, rows - 1);
      block[r] = expert * 2 * rowBlocks + row / 8;
      block[rowsPerItem + r] = block[r] + rowBlocks;
    }
    int lane = t % 8;
    float[] column = new float[tokens];
    int[] word = new int[2 * rowsPerItem];
    float[] scale = new float[2 * rowsPerItem];
    float[] zero = new float[2 * rowsPerItem];
    int[] nextWord = new int[2 * rowsPerItem];
    float[] nextScale = new float[2 * rowsPerItem];
    float[] nextZero = new float[2 * rowsPerItem];
    float[] sums = new float[2 * rowsPerItem * tokens];
    for (int i = 0; i < 2 * rowsPerItem * tokens; i++) {
      sums[i] = 0f;
    }
    if ((flags & Flags.ACT_ORDER) == 0) {
      load(
          words,
          scales,
          block,
          0,
          2 * rowsPerItem,
          0,
          lane,
          columns,
          groupSize,
          flags,
          nextWord,
          nextScale,
          nextZero);
      for (int start = 0; start < live; start += COLUMNS) {
        context.localBarrier();
        for (int item = t; item < COLUMNS * tokens; item += threads) {
          int i = item / COLUMNS;
          int at = start + item % COLUMNS;
          float value = 0f;
          if (i < count) {
            if (at < columns) {
              value = x.get(pairs.get(first + i) / slots * columns + at);
            }
          }
          tile[item % COLUMNS * (tokens + PADDING) + i] = value;
        }
        context.localBarrier();
        int end = TornadoMath.min(COLUMNS / 8, chunks - start / 8);
        for (int c = 0; c < end; c++) {
          for (int r = 0; r < 2 * rowsPerItem; r++) {
            word[r] = nextWord[r];
            scale[r] = nextScale[r];
            zero[r] = nextZero[r];
          }
          load(
              words,
              scales,
              block,
              0,
              2 * rowsPerItem,
              TornadoMath.min(start / 8 + c + 1, chunks - 1),
              lane,
              columns,
              groupSize,
              flags,
              nextWord,
              nextScale,
              nextZero);
          for (int j = 0; j < 8; j++) {
            for (int i = 0; i < tokens; i++) {
              column[i] = tile[(c * 8 + j) * (tokens + PADDING) + i];
            }
            addColumn(
                column,
                word,
                scale,
                zero,
                words,
                scales,
                block,
                0,
                2 * rowsPerItem,
                start / 8 + c,
                j,
                lane,
                columns,
                flags,
                sums,
                tokens);
          }
        }
      }
    } else {
      // Gate and up may have orders of their own: then each has its own tile, and sums as up does.
      for (int half = 0; half < 2; half++) {
        for (int i = 0; i < rowsPerItem * tokens; i++) {
          sums[i] = sums[rowsPerItem * tokens + i];
          sums[rowsPerItem * tokens + i] = 0f;
        }
        for (int r = 0; r < rowsPerItem; r++) {
          int row = TornadoMath.min(firstRow + r * threads, rows - 1);
          block[rowsPerItem + r] = (expert * 2 + half) * rowBlocks + row / 8;
        }
        load(
            words,
            scales,
            block,
            rowsPerItem,
            2 * rowsPerItem,
            0,
            lane,
            columns,
            groupSize,
            flags,
            nextWord,
            nextScale,
            nextZero);
        for (int start = 0; start < live; start += COLUMNS) {
          context.localBarrier();
          for (int item = t; item < COLUMNS * tokens; item += threads) {
            int i = item / COLUMNS;
            int at = start + item % COLUMNS;
            float value = 0f;
            if (i < count) {
              if (at < columns) {
                int from = order.get((expert * 2 + half) * columns + at);
                value = x.get(pairs.get(first + i) / slots * columns + from);
              }
            }
            tile[item % COLUMNS * (tokens + PADDING) + i] = value;
          }
          context.localBarrier();
          int end = TornadoMath.min(COLUMNS / 8, chunks - start / 8);
          for (int c = 0; c < end; c++) {
            for (int r = rowsPerItem; r < 2 * rowsPerItem; r++) {
              word[r] = nextWord[r];
              scale[r] = nextScale[r];
              zero[r] = nextZero[r];
            }
            load(
                words,
                scales,
                block,
                rowsPerItem,
                2 * rowsPerItem,
                TornadoMath.min(start / 8 + c + 1, chunks - 1),
                lane,
                columns,
                groupSize,
                flags,
                nextWord,
                nextScale,
                nextZero);
            for (int j = 0; j < 8; j++) {
              for (int i = 0; i < tokens; i++) {
                column[i] = tile[(c * 8 + j) * (tokens + PADDING) + i];
              }
              addColumn(
                  column,
                  word,
                  scale,
                  zero,
                  words,
                  scales,
                  block,
                  rowsPerItem,
                  2 * rowsPerItem,
                  start / 8 + c,
                  j,
                  lane,
                  columns,
                  flags,
                  sums,
                  tokens);
            }
          }
        }
      }
    }
    for (int r = 0; r < rowsPerItem; r++) {
      int row = firstRow + r * threads;
      if (row < rows) {
        for (int i = 0; i < tokens; i++) {
          if (i < count) {
            int pair = pairs.get(first + i);
            float factor = Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
            float gate = sums[r * tokens + i] * factor;
            float up = sums[(rowsPerItem + r) * tokens + i] * factor;
            if ((flags & Flags.BIAS) != 0) {
              int biasAt = (expert * 2 * rowBlocks + row / 8) * 8 + lane;
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
      }
    }
  }

  /// Down projection of blocks of pairs, back to pair order: `target[M * (topK + extra), H]`.
  public static void tileDown(
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
    int threads = context.localGroupSizeX;
    int t = context.localIdx;
    int tiles = (rows + rowsPerItem * threads - 1) / (rowsPerItem * threads);
    int number = context.groupIdx / tiles;
    int firstRow = context.groupIdx % tiles * rowsPerItem * threads + t;
    float[] tile = context.allocateFloatLocalArray(COLUMNS * (tokens + PADDING));
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int live = 0;
    if (count > 0) {
      live = columns;
    }
    int chunks = (columns + 7) / 8;
    int rowBlocks = (rows + 7) / 8;
    int[] block = new int[rowsPerItem];
    for (int r = 0; r < rowsPerItem; r++) {
      int row = TornadoMath.min(firstRow + r * threads, rows - 1);
      block[r] = expert * rowBlocks + row / 8;
    }
    int lane = t % 8;
    float[] column = new float[tokens];
    int[] word = new int[rowsPerItem];
    float[] scale = new float[rowsPerItem];
    float[] zero = new float[rowsPerItem];
    int[] nextWord = new int[rowsPerItem];
    float[] nextScale = new float[rowsPerItem];
    float[] nextZero = new float[rowsPerItem];
    float[] sums = new float[rowsPerItem * tokens];
    for (int i = 0; i < rowsPerItem * tokens; i++) {
      sums[i] = 0f;
    }
    load(
        words,
        scales,
        block,
        0,
        rowsPerItem,
        0,
        lane,
        columns,
        groupSize,
        flags,
        nextWord,
        nextScale,
        nextZero);
    for (int start = 0; start < live; start += COLUMNS) {
      context.localBarrier();
      for (int item = t; item < COLUMNS * tokens; item += threads) {
        int i = item / COLUMNS;
        int at = start + item % COLUMNS;
        float value = 0f;
        if (i < count) {
          if (at < columns) {
            value =
                Chunks.activation(
                    activated, (first + i) * columns, at, columns, order, expert * columns, flags);
          }
        }
        tile[item % COLUMNS * (tokens + PADDING) + i] = value;
      }
      context.localBarrier();
      int end = TornadoMath.min(COLUMNS / 8, chunks - start / 8);
      for (int c = 0; c < end; c++) {
        for (int r = 0; r < rowsPerItem; r++) {
          word[r] = nextWord[r];
          scale[r] = nextScale[r];
          zero[r] = nextZero[r];
        }
        load(
            words,
            scales,
            block,
            0,
            rowsPerItem,
            TornadoMath.min(start / 8 + c + 1, chunks - 1),
            lane,
            columns,
            groupSize,
            flags,
            nextWord,
            nextScale,
            nextZero);
        for (int j = 0; j < 8; j++) {
          for (int i = 0; i < tokens; i++) {
            column[i] = tile[(c * 8 + j) * (tokens + PADDING) + i];
          }
          addColumn(
              column,
              word,
              scale,
              zero,
              words,
              scales,
              block,
              0,
              rowsPerItem,
              start / 8 + c,
              j,
              lane,
              columns,
              flags,
              sums,
              tokens);
        }
      }
    }
    for (int r = 0; r < rowsPerItem; r++) {
      int row = firstRow + r * threads;
      if (row < rows) {
        float added = 0f;
        if ((flags & Flags.BIAS) != 0) {
          added = bias.get(block[r] * 8 + lane);
        }
        for (int i = 0; i < tokens; i++) {
          if (i < count) {
            target.set(pairs.get(first + i) * rows + row, sums[r * tokens + i] + added);
          }
        }
      }
    }
  }

  /// Loads what 4-bit weights of a chunk need, once for its 8 columns. Work-groups of an empty
  /// block load too, an expert's that is there.
  private static void load(
      IntArray words,
      FloatArray scales,
      int[] block,
      int from,
      int to,
      int chunk,
      int lane,
      int columns,
      int groupSize,
      int flags,
      int[] word,
      float[] scale,
      float[] zero) {
    int chunks = (columns + 7) / 8;
    for (int r = from; r < to; r++) {
      int scaleAt = Chunks.scaleAt(block[r], chunk, columns, groupSize);
      word[r] = Chunks.word(words, block[r] * chunks + chunk, lane, flags);
      zero[r] = Chunks.zero(scales, scaleAt, lane, flags);
      scale[r] = Chunks.scale(scales, scaleAt, lane, flags);
    }
  }

  /// Adds column `j` of a chunk of rows `from` to `to` of a work-item, times its activations, to
  /// `sums`.
  ///
  /// @param x the column's activations in registers: an array in local memory can't be handed over,
  ///   TornadoVM would take its elements from wrong places
  private static void addColumn(
      float[] x,
      int[] word,
      float[] scale,
      float[] zero,
      IntArray words,
      FloatArray scales,
      int[] block,
      int from,
      int to,
      int chunk,
      int j,
      int lane,
      int columns,
      int flags,
      float[] sums,
      int tokens) {
    int chunks = (columns + 7) / 8;
    for (int r = from; r < to; r++) {
      int at = block[r] * chunks + chunk;
      float w = Chunks.unscaled(word[r], zero[r], words, scales, at, lane, j, flags);
      if ((flags & Flags.SCALED) != 0) {
        w *= scale[r];
      }
      for (int i = 0; i < tokens; i++) {
        sums[r * tokens + i] += w * x[i];
      }
    }
  }
}
