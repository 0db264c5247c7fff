package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The kernel for GPUs and many tokens: blocks of pairs with the same expert, as
/// [GroupingKernels#group] cuts them. A work-group makes a tile of rows for the pairs of a block,
/// some columns at a time: it decodes their weights into local memory, once for all pairs, lays the
/// activations beside them, and then each work-item multiplies some rows by some pairs in
/// registers.
///
/// What the speed hangs on is the share of multiplications among all instructions. With 8 rows
/// times 8 pairs a work-item reads 16 values from local memory, four at a time, for 64
/// multiplications; decoding takes five instructions for a weight, shared by all pairs of the
/// block. [#LANES] neighbouring work-items have the same pairs: where a block is not full, a wave
/// without pairs multiplies nothing and leaves its time to others.
///
/// Rows lie in local memory as work-items have them, four together, so that lanes read neighbouring
/// 16 bytes; activations lie by column, `tokens + 4` apart: a compiler that sees four of them at a
/// multiple of 16 bytes reads them with one instruction. Words, scales and activations of the next
/// columns are loaded before the multiplications, which hide that they take long to come.
///
/// No barrier stands inside a condition: work-groups of an empty block have loops without rounds.
public final class TileKernels {
  /// Columns in local memory at a time, a multiple of 8.
  public static final int COLUMNS = 16;

  private static final int CHUNKS = COLUMNS / 8;

  /// Work-items with the same pairs, each with its own rows.
  public static final int LANES = 32;

  /// Floats behind a column's activations in local memory.
  private static final int PADDING = 4;

  /// Rows of a work-item that lie together.
  private static final int TOGETHER = 4;

  private TileKernels() {}

  /// Floats of local memory that a work-group takes.
  ///
  /// @param rows of a tile, gate's and up's together
  /// @param tokens the most pairs of a block
  public static int localFloats(int rows, int tokens) {
    return COLUMNS * (rows + 2 * (tokens + PADDING));
  }

  /// A projection of blocks of pairs. With two `matrices`, gate and up and the activation of rows
  /// of `x`, `[M, H]`, which go to `target[M * (topK + extra), I]` in the order of `pairs`. With
  /// one, down of rows of `x` in the order of `pairs`, back to pair order: `target[M * (topK +
  /// extra), H]`.
  ///
  /// @param blocks of each its expert, its first place in `pairs`, and how many
  /// @param factors of gate and up alone, as `topK`, `extra`, `limit` and `alpha` are
  /// @param flags with threads and rows of a work-item, [Flags#group]
  /// @param tokens the most pairs of a block
  public static void tile(
      KernelContext context,
      IntArray blocks,
      IntArray pairs,
      FloatArray factors,
      FloatArray x,
      IntArray words,
      FloatArray scales,
      IntArray order,
      FloatArray bias,
      FloatArray target,
      int topK,
      int extra,
      int columns,
      int rows,
      int groupSize,
      int flags,
      float limit,
      float alpha,
      int tokens,
      int matrices) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int together = TornadoMath.min(n, TOGETHER);
    int ofMatrix = LANES * n;
    int all = matrices * ofMatrix;
    int perItem = LANES * tokens / threads;
    int stride = tokens + PADDING;
    // Gate and up may have orders of their own, and activations in each.
    int orders = 1;
    if ((flags & Flags.ACT_ORDER) != 0) {
      orders = matrices;
    }
    int decoded = all / threads;
    int share = COLUMNS * tokens / threads;
    float[] weights = context.allocateFloatLocalArray(COLUMNS * all);
    float[] activations = context.allocateFloatLocalArray(2 * COLUMNS * stride);

    int t = context.localIdx;
    int tiles = (rows + ofMatrix - 1) / ofMatrix;
    int numberOfBlock = context.groupIdx / tiles;
    int firstRow = context.groupIdx % tiles * ofMatrix;
    int expert = blocks.get(3 * numberOfBlock);
    int first = blocks.get(3 * numberOfBlock + 1);
    int count = blocks.get(3 * numberOfBlock + 2);
    int chunks = (columns + 7) / 8;
    int lastChunk = (chunks - 1) / CHUNKS * CHUNKS;
    int live = 0;
    if (count > 0) {
      live = chunks;
    }
    int firstToken = t / LANES * perItem;
    // Where the columns end in local memory, or begin for work-items without pairs.
    int end = firstToken;
    if (firstToken < count) {
      end = firstToken + COLUMNS * stride;
    }
    int slots = topK + extra;
    int rowBlocks = (rows + 7) / 8;
    int lane = t % 8;
    int column = t % COLUMNS;
    int firstColumn = t / COLUMNS;
    int rowAt = t % LANES * together;

    int lanes = Flags.lanes(flags);
    int[] block = new int[decoded];
    int[] strips = new int[decoded];
    for (int i = 0; i < decoded; i++) {
      int row = t + i * threads;
      // Rows behind the last one are computed as others are, and not written.
      block[i] =
          (expert * matrices + row / ofMatrix) * rowBlocks
              + TornadoMath.min((firstRow + row % ofMatrix) / 8, rowBlocks - 1);
      strips[i] = (block[i] * 8 + lane) / lanes;
    }
    int[] from = new int[share];
    for (int i = 0; i < share; i++) {
      int token = firstColumn + i * (threads / COLUMNS);
      from[i] = 0;
      if (token < count) {
        if (matrices == 2) {
          from[i] = pairs.get(first + token) / slots * columns;
        } else {
          from[i] = (first + token) * columns;
        }
      }
    }
    int[] word = new int[CHUNKS * decoded];
    float[] scale = new float[CHUNKS * decoded];
    float[] zero = new float[CHUNKS * decoded];
    float[] values = new float[2 * share];
    float[] ofColumn = new float[perItem];
    float[] sums = new float[matrices * n * perItem];
    for (int i = 0; i < matrices * n * perItem; i++) {
      sums[i] = 0f;
    }

    loadWeights(
        words, scales, strips, 0, lane, decoded, columns, groupSize, flags, word, scale, zero);
    loadActivations(
        x, order, from, expert * matrices, column, columns, share, orders, flags, values);
    for (int chunk = 0; chunk < live; chunk += CHUNKS) {
      context.localBarrier();
      for (int i = 0; i < CHUNKS * decoded; i++) {
        int number = chunk(chunk, i / decoded, chunks);
        int at = Chunks.at(block[i % decoded], number, lane, columns, flags);
        for (int j = 0; j < 8; j++) {
          float weight =
              Chunks.unscaled(word[i], zero[i], words, scales, at, lane, columns, j, flags);
          if ((flags & Flags.SCALED) != 0) {
            weight *= scale[i];
          }
          weights[(i / decoded * 8 + j) * all + i % decoded * threads + t] = weight;
        }
      }
      for (int i = 0; i < orders * share; i++) {
        activations[
                (i / share * COLUMNS + column) * stride
                    + i % share * (threads / COLUMNS)
                    + firstColumn] =
            values[i];
      }
      context.localBarrier();
      int next = TornadoMath.min(chunk + CHUNKS, lastChunk);
      loadWeights(
          words, scales, strips, next, lane, decoded, columns, groupSize, flags, word, scale, zero);
      loadActivations(
          x,
          order,
          from,
          expert * matrices,
          next * 8 + column,
          columns,
          share,
          orders,
          flags,
          values);
      int weightAt = rowAt;
      for (int at = firstToken; at < end; at += 8 * stride) {
        for (int j = 0; j < 8; j++) {
          for (int o = 0; o < orders; o++) {
            for (int i = 0; i < perItem; i++) {
              ofColumn[i] = activations[at + (o * COLUMNS + j) * stride + i];
            }
            int ofOrder = matrices * n / orders;
            for (int r = o * ofOrder; r < (o + 1) * ofOrder; r++) {
              float weight =
                  weights[weightAt + j * all + r / together * (LANES * together) + r % together];
              for (int i = 0; i < perItem; i++) {
                sums[r * perItem + i] += weight * ofColumn[i];
              }
            }
          }
        }
        weightAt += 8 * all;
      }
    }
    for (int r = 0; r < n; r++) {
      int row = firstRow + r / together * (LANES * together) + rowAt + r % together;
      if (row < rows) {
        for (int i = 0; i < perItem; i++) {
          if (firstToken + i < count) {
            int place = first + firstToken + i;
            int pair = pairs.get(place);
            int biasAt = expert * matrices * rowBlocks * 8 + row;
            if (matrices == 2) {
              float factor = Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
              float gate = sums[r * perItem + i] * factor;
              float up = sums[((matrices - 1) * n + r) * perItem + i] * factor;
              if ((flags & Flags.BIAS) != 0) {
                gate += bias.get(biasAt);
                up += bias.get(biasAt + rowBlocks * 8);
              }
              float y = Activations.apply(gate, up, flags, limit, alpha);
              if ((flags & Flags.SHARED_GATE) != 0) {
                if (pair % slots >= topK) {
                  y *= Activations.sigmoid(factors.get(pair / slots));
                }
              }
              target.set(place * rows + row, y);
            } else {
              float y = sums[r * perItem + i];
              if ((flags & Flags.BIAS) != 0) {
                y += bias.get(biasAt);
              }
              target.set(pair * rows + row, y);
            }
          }
        }
      }
    }
  }

  /// Number `c` of the chunks from `chunk` on, the last one where there are no more.
  private static int chunk(int chunk, int c, int chunks) {
    int number = chunk + c;
    if (chunks % CHUNKS != 0) {
      number = TornadoMath.min(number, chunks - 1);
    }
    return number;
  }

  /// Loads what 4-bit weights need, once for the 8 columns of a chunk. Work-groups of an empty
  /// block load too, an expert's that is there, and the last columns are loaded twice.
  private static void loadWeights(
      IntArray words,
      FloatArray scales,
      int[] strips,
      int chunk,
      int lane,
      int decoded,
      int columns,
      int groupSize,
      int flags,
      int[] word,
      float[] scale,
      float[] zero) {
    int chunks = (columns + 7) / 8;
    int lanes = Flags.lanes(flags);
    for (int i = 0; i < CHUNKS * decoded; i++) {
      int number = chunk(chunk, i / decoded, chunks);
      int strip = strips[i % decoded];
      word[i] = 0;
      if ((flags & (Flags.INT4 | Flags.FP4)) != 0) {
        int at = Chunks.wordsAt(strip, columns, flags) + lane % lanes;
        word[i] = words.get(at + Chunks.chunkAt(number, columns, flags));
      }
      if (groupSize % COLUMNS == 0) {
        number = chunk; // of the same group
      }
      zero[i] = 0f;
      scale[i] = 1f;
      if ((flags & Flags.SCALED) != 0) {
        int at =
            Chunks.scalesAt(strip, columns, groupSize, flags)
                + Chunks.scaleAt(number * 8 / groupSize, lane % lanes, flags);
        scale[i] = scales.get(at);
        if ((flags & Flags.ZERO_POINTS) != 0) {
          zero[i] = scales.get(at + lanes);
        }
      }
    }
  }

  /// Loads activations of one column in each order, zero behind the last one.
  ///
  /// @param from where each row begins in `x`
  /// @param matrix number of the first order's in the arrays
  private static void loadActivations(
      FloatArray x,
      IntArray order,
      int[] from,
      int matrix,
      int column,
      int columns,
      int share,
      int orders,
      int flags,
      float[] values) {
    int at = TornadoMath.min(column, columns - 1);
    for (int i = 0; i < orders * share; i++) {
      float value =
          Chunks.activation(
              x, from[i % share], at, columns, order, (matrix + i / share) * columns, flags);
      if (columns % COLUMNS != 0) {
        if (column >= columns) {
          value = 0f;
        }
      }
      values[i] = value;
    }
  }
}
