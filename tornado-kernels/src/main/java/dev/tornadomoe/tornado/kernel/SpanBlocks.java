package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The kernel for GPUs, small blocks of pairs with the same expert, and weights whose codes have
/// scales: with [Spans], each of which is loaded once for all pairs of its block. Activations lie
/// in local memory, first in the order of their columns, and are multiplied 8 columns at a time, so
/// that a word is decoded once and no work-item keeps more of them in registers.
///
/// A group has as many sets of rows as fit: work-item t has lane `t % lanes` of some strips of a
/// set, and span `t / lanes` of them.
public final class SpanBlocks {
  /// Work-items that a group should have at least.
  private static final int THREADS = 384;

  private SpanBlocks() {}

  /// A projection of blocks of pairs, as [TileKernels#tile].
  ///
  /// @param blocks of each its expert, its first place in `pairs`, and how many
  /// @param flags with the rows of each matrix for a work-item, [Flags#rows]
  /// @param tokens the most pairs of a block
  public static void spanBlock(
      KernelContext context,
      IntArray blocks,
      IntArray pairs,
      FloatArray factors,
      FloatArray x,
      IntArray words,
      FloatArray scales,
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
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int vectors = matrices * n;
    int spans = columns / Spans.COLUMNS;
    int sets = sets(columns, flags);
    int threads = threads(columns, flags);
    int ofSet = lanes * spans;
    int rowsOfGroup = sets * n * lanes;
    int groups = (rows + rowsOfGroup - 1) / rowsOfGroup;
    int stride = columns + spans;
    int per = partsOf(columns, vectors * tokens);
    int outputs = vectors * tokens * sets * lanes;
    int number = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * rowsOfGroup;
    int t = context.localIdx;
    float[] local =
        context.allocateFloatLocalArray(
            TornadoMath.max(tokens * stride, vectors * tokens * threads));
    float[] parts = context.allocateFloatLocalArray(outputs * (per + 1));
    int expert = blocks.get(3 * number);
    int first = blocks.get(3 * number + 1);
    int count = blocks.get(3 * number + 2);
    int slots = topK + extra;
    // Work-items behind the last set compute another one's, which nobody reads.
    int item = TornadoMath.min(t, sets * ofSet - 1);
    int lastStrip = (rows + 7) / 8 * 8 - lanes;
    int rowOfSet = TornadoMath.min(firstRow + item / ofSet * (n * lanes), lastStrip);
    float power = Spans.power(t, flags);
    // One round, or none where the block is empty: no barrier stands inside a condition.
    for (int round = 0; round < TornadoMath.min(count, 1); round++) {
      int[] word = new int[vectors * Chunks.wordsOfSpan(columns, flags)];
      float[] scale = new float[vectors * Spans.parts(groupSize)];
      float[] zero = new float[vectors * Spans.parts(groupSize)];
      Spans.load(
          words,
          scales,
          expert,
          matrices,
          rowOfSet,
          item % ofSet,
          columns,
          rows,
          groupSize,
          flags,
          word,
          scale,
          zero);
      int[] from = new int[tokens];
      for (int k = 0; k < tokens; k++) {
        // Behind the last pair it is computed again, and not written.
        int place = first + TornadoMath.min(k, count - 1);
        if (matrices == 2) {
          from[k] = pairs.get(place) / slots * columns;
        } else {
          from[k] = place * columns;
        }
      }
      for (int i = t; i < columns; i += threads) {
        for (int k = 0; k < tokens; k++) {
          local[k * stride + i + i / Spans.COLUMNS] = x.get(from[k] + i) * power;
        }
      }
      context.localBarrier();
      float[] ofPart = new float[vectors * tokens];
      float[] offset = new float[tokens];
      float[] total = new float[tokens];
      float[] sums = new float[vectors * tokens];
      float[] ofChunk = new float[8 * tokens];
      for (int i = 0; i < vectors * tokens; i++) {
        sums[i] = 0f;
      }
      int at = item % ofSet / lanes * (Spans.COLUMNS + 1);
      // A loop over these would not be unrolled, and words not be in registers.
      for (int i = 0; i < 8 * tokens; i++) {
        ofChunk[i] = local[at + i / 8 * stride + i % 8];
      }
      Spans.addChunk(
          word, scale, zero, ofChunk, 0, vectors, tokens, columns, groupSize, flags, offset, total,
          ofPart, sums);
      for (int i = 0; i < 8 * tokens; i++) {
        ofChunk[i] = local[at + i / 8 * stride + i % 8 + 8];
      }
      Spans.addChunk(
          word, scale, zero, ofChunk, 1, vectors, tokens, columns, groupSize, flags, offset, total,
          ofPart, sums);
      for (int i = 0; i < 8 * tokens; i++) {
        ofChunk[i] = local[at + i / 8 * stride + i % 8 + 16];
      }
      Spans.addChunk(
          word, scale, zero, ofChunk, 2, vectors, tokens, columns, groupSize, flags, offset, total,
          ofPart, sums);
      for (int i = 0; i < 8 * tokens; i++) {
        ofChunk[i] = local[at + i / 8 * stride + i % 8 + 24];
      }
      Spans.addChunk(
          word, scale, zero, ofChunk, 3, vectors, tokens, columns, groupSize, flags, offset, total,
          ofPart, sums);
      context.localBarrier();
      for (int i = 0; i < vectors * tokens; i++) {
        local[i * threads + t] = sums[i];
      }
      context.localBarrier();
      // Some values each, then what is left of each output by one work-item.
      for (int o = t; o < outputs * per; o += threads) {
        int output = o / (lanes * per);
        float part = 0f;
        for (int i = 0; i < (spans + per - 1) / per; i++) {
          int s = o / lanes % per + i * per;
          if (s < spans) {
            part += local[output / sets * threads + output % sets * ofSet + s * lanes + o % lanes];
          }
        }
        parts[output * ((per + 1) * lanes) + o % (lanes * per)] = part;
      }
      context.localBarrier();
      for (int o = t; o < rowsOfGroup * tokens; o += threads) {
        int k = o / rowsOfGroup;
        int row = firstRow + o % rowsOfGroup;
        if (k < count && row < rows) {
          int ofVector = tokens * sets * (per + 1) * lanes;
          int partsAt =
              o / lanes % n * ofVector
                  + (k * sets + o % rowsOfGroup / (n * lanes)) * ((per + 1) * lanes)
                  + o % lanes;
          float y = 0f;
          for (int p = 0; p < per; p++) {
            y += parts[partsAt + p * lanes];
          }
          int place = first + k;
          int pair = pairs.get(place);
          int biasAt = expert * matrices * ((rows + 7) / 8 * 8) + row;
          if (matrices == 2) {
            float up = 0f;
            for (int p = 0; p < per; p++) {
              up += parts[partsAt + n * ofVector + p * lanes];
            }
            float factor = Pairs.weight(factors, pair / slots, pair % slots, topK, extra, flags);
            y *= factor;
            up *= factor;
            if ((flags & Flags.BIAS) != 0) {
              y += bias.get(biasAt);
              up += bias.get(biasAt + (rows + 7) / 8 * 8);
            }
            y = Activations.apply(y, up, flags, limit, alpha);
            if ((flags & Flags.SHARED_GATE) != 0) {
              if (pair % slots >= topK) {
                y *= Activations.sigmoid(factors.get(pair / slots));
              }
            }
            target.set(place * rows + row, y);
          } else {
            if ((flags & Flags.BIAS) != 0) {
              y += bias.get(biasAt);
            }
            target.set(pair * rows + row, y);
          }
        }
      }
    }
  }

  /// Work-items of a group, in whole waves.
  public static int threads(int columns, int flags) {
    return (sets(columns, flags) * Flags.lanes(flags) * (columns / Spans.COLUMNS) + Spans.WAVE - 1)
        / Spans.WAVE
        * Spans.WAVE;
  }

  /// Rows of a matrix that a group makes.
  public static int rowsOfGroup(int columns, int flags) {
    return sets(columns, flags) * Flags.rowsPerItem(flags) * Flags.lanes(flags);
  }

  /// Floats of local memory of a group: activations or sums, and parts of outputs.
  public static int localFloats(int columns, int flags, int tokens, int matrices) {
    int vectors = matrices * Flags.rowsPerItem(flags);
    int outputs = vectors * tokens * sets(columns, flags) * Flags.lanes(flags);
    return TornadoMath.max(
            tokens * (columns + columns / Spans.COLUMNS),
            vectors * tokens * threads(columns, flags))
        + outputs * (partsOf(columns, vectors * tokens) + 1);
  }

  /// Sets of rows of a group.
  private static int sets(int columns, int flags) {
    return TornadoMath.max(1, THREADS / (Flags.lanes(flags) * (columns / Spans.COLUMNS)));
  }

  /// Work-items that add up one output.
  ///
  /// @param vectors outputs of a lane and set
  private static int partsOf(int columns, int vectors) {
    return TornadoMath.max(1, TornadoMath.min(Spans.MOST_PARTS, columns / Spans.COLUMNS / vectors));
  }
}
