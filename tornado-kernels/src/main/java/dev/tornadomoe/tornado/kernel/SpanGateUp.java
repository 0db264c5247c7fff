package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs, few tokens, and weights whose codes have scales: gate, up and activation as
/// [WorkGroupKernels] computes them, with [Spans]. Work-item t has lane `t % lanes` of some strips,
/// and span `t / lanes` of it, or where there is an even number of spans two of them: the words of
/// both are loaded before anything else, and what all work-items share costs half as much for each.
/// Activations are read from local memory 8 columns at a time, or they would take the registers of
/// the other waves (H200, 16 tokens: one span, all its columns at once 104 us; 8 columns at a time
/// 93; two spans 86).
///
/// What enqueueing costs grows with the arrays that a kernel takes, so this form is for the usual
/// layer and takes no array that such a layer does not use; [SpanMappedGateUp] is for any.
/// `activated` lies by column of a span between the two: `[M, 32, spans of all pairs]`, so that
/// neighbouring work-items of down read neighbouring elements.
///
/// Local memory is read and written in the kernels' own methods alone: TornadoVM indexes it wrongly
/// in a method that it inlines. Such a method must not have more than 600 nodes of its compiler.
public final class SpanGateUp {
  private SpanGateUp() {}

  /// Gate, up and activation where all of the router's experts are here, in order, and nothing else
  /// is.
  public static void gateUp(
      KernelContext context,
      IntArray call,
      IntArray ids,
      FloatArray x,
      IntArray words,
      FloatArray scales,
      FloatArray activated,
      int topK,
      int columns,
      int rows,
      int groupSize,
      int flags,
      float limit,
      float alpha) {
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int threads = threadsOfGateUp(columns, flags);
    int items = columns / Spans.COLUMNS / spansOfItem(columns);
    int groups = (rows + n * lanes - 1) / (n * lanes);
    int pair = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (n * lanes);
    int token = pair / topK;
    float[] local = context.allocateFloatLocalArray(localOfGateUp(columns, flags, threads));
    float[] parts = context.allocateFloatLocalArray(2 * n * lanes * (Spans.MOST_PARTS + 1));
    // Both are loaded at once.
    int expert = ids.get(pair);
    if (token >= call.get(0)) {
      expert = -1;
    }
    int t = context.localIdx;
    // Work-items without a span compute another one's, which nobody reads.
    int place = TornadoMath.min(t, lanes * items - 1);
    float power = Spans.power(t, flags);
    for (int i = t; i < columns; i += threads) {
      local[i + i / Spans.COLUMNS] = x.get(token * columns + i) * power;
    }
    int[] word = new int[2 * n * Chunks.wordsOfSpan(columns, flags)];
    float[] scale = new float[2 * n * Spans.parts(groupSize)];
    float[] zero = new float[2 * n * Spans.parts(groupSize)];
    int[] secondWord = new int[2 * n * Chunks.wordsOfSpan(columns, flags)];
    float[] secondScale = new float[2 * n * Spans.parts(groupSize)];
    float[] secondZero = new float[2 * n * Spans.parts(groupSize)];
    if (expert >= 0) {
      if (spansOfItem(columns) > 1) {
        Spans.load(
            words,
            scales,
            expert,
            2,
            firstRow,
            place + items * lanes,
            columns,
            rows,
            groupSize,
            flags,
            secondWord,
            secondScale,
            secondZero);
      }
      Spans.load(
          words, scales, expert, 2, firstRow, place, columns, rows, groupSize, flags, word, scale,
          zero);
    }
    context.localBarrier();
    float[] offset = new float[1];
    float[] total = new float[1];
    float[] ofPart = new float[2 * n];
    float[] sums = new float[2 * n];
    for (int i = 0; i < 2 * n; i++) {
      sums[i] = 0f;
    }
    float[] ofChunk = new float[8];
    int at = place / lanes * (Spans.COLUMNS + 1);
    // A loop over these would not be unrolled, and words not be in registers.
    for (int i = 0; i < 8; i++) {
      ofChunk[i] = local[at + i];
    }
    Spans.addChunk(
        word, scale, zero, ofChunk, 0, 2 * n, 1, columns, groupSize, flags, offset, total, ofPart,
        sums);
    for (int i = 0; i < 8; i++) {
      ofChunk[i] = local[at + i + 8];
    }
    Spans.addChunk(
        word, scale, zero, ofChunk, 1, 2 * n, 1, columns, groupSize, flags, offset, total, ofPart,
        sums);
    for (int i = 0; i < 8; i++) {
      ofChunk[i] = local[at + i + 16];
    }
    Spans.addChunk(
        word, scale, zero, ofChunk, 2, 2 * n, 1, columns, groupSize, flags, offset, total, ofPart,
        sums);
    for (int i = 0; i < 8; i++) {
      ofChunk[i] = local[at + i + 24];
    }
    Spans.addChunk(
        word, scale, zero, ofChunk, 3, 2 * n, 1, columns, groupSize, flags, offset, total, ofPart,
        sums);
    if (spansOfItem(columns) > 1) {
      int second = at + items * (Spans.COLUMNS + 1);
      for (int i = 0; i < 8; i++) {
        ofChunk[i] = local[second + i];
      }
      Spans.addChunk(
          secondWord,
          secondScale,
          secondZero,
          ofChunk,
          0,
          2 * n,
          1,
          columns,
          groupSize,
          flags,
          offset,
          total,
          ofPart,
          sums);
      for (int i = 0; i < 8; i++) {
        ofChunk[i] = local[second + i + 8];
      }
      Spans.addChunk(
          secondWord,
          secondScale,
          secondZero,
          ofChunk,
          1,
          2 * n,
          1,
          columns,
          groupSize,
          flags,
          offset,
          total,
          ofPart,
          sums);
      for (int i = 0; i < 8; i++) {
        ofChunk[i] = local[second + i + 16];
      }
      Spans.addChunk(
          secondWord,
          secondScale,
          secondZero,
          ofChunk,
          2,
          2 * n,
          1,
          columns,
          groupSize,
          flags,
          offset,
          total,
          ofPart,
          sums);
      for (int i = 0; i < 8; i++) {
        ofChunk[i] = local[second + i + 24];
      }
      Spans.addChunk(
          secondWord,
          secondScale,
          secondZero,
          ofChunk,
          3,
          2 * n,
          1,
          columns,
          groupSize,
          flags,
          offset,
          total,
          ofPart,
          sums);
    }
    context.localBarrier();
    for (int i = 0; i < 2 * n; i++) {
      local[i * threads + t] = sums[i];
    }
    context.localBarrier();
    int per = Spans.partsOf(2 * n * lanes, threads);
    if (t < 2 * n * lanes * per) {
      float part = 0f;
      for (int i = 0; i < (items + per - 1) / per; i++) {
        int item = t / lanes % per + i * per;
        if (item < items) {
          part += local[t / (lanes * per) * threads + item * lanes + t % lanes];
        }
      }
      parts[t / (lanes * per) * ((per + 1) * lanes) + t % (lanes * per)] = part;
    }
    context.localBarrier();
    int row = firstRow + t;
    if (t < n * lanes && expert >= 0) {
      if (row < rows) {
        float gate = 0f;
        float up = 0f;
        for (int i = 0; i < per; i++) {
          gate += parts[(t / lanes * (per + 1) + i) * lanes + t % lanes];
          up += parts[((t / lanes + n) * (per + 1) + i) * lanes + t % lanes];
        }
        activated.set(
            activatedAt(token, pair % topK, topK, row, rows),
            Activations.apply(gate, up, flags, limit, alpha));
      }
    }
  }

  /// Spans of a work-item.
  static int spansOfItem(int columns) {
    int spans = 1;
    if (columns / Spans.COLUMNS % 2 == 0) {
      spans = 2;
    }
    return spans;
  }

  /// Work-items of a group of gate and up: one for each lane and one or two spans, in whole waves.
  public static int threadsOfGateUp(int columns, int flags) {
    int items = columns / Spans.COLUMNS / spansOfItem(columns);
    return (Flags.lanes(flags) * items + Spans.WAVE - 1) / Spans.WAVE * Spans.WAVE;
  }

  /// Floats of local memory of such a group: activations or sums, and parts of outputs.
  public static int localFloats(int columns, int flags) {
    int threads = threadsOfGateUp(columns, flags);
    int outputs = 2 * Flags.rowsPerItem(flags) * Flags.lanes(flags);
    return localOfGateUp(columns, flags, threads) + outputs * (Spans.MOST_PARTS + 1);
  }

  /// Floats of local memory for activations first, then for sums.
  static int localOfGateUp(int columns, int flags, int threads) {
    int n = Flags.rowsPerItem(flags);
    return TornadoMath.max(columns + columns / Spans.COLUMNS, 2 * n * threads);
  }

  /// Where a pair's activation is.
  static int activatedAt(int token, int slot, int slots, int row, int rows) {
    int ofPair = rows / Spans.COLUMNS;
    return token * slots * rows
        + row % Spans.COLUMNS * (slots * ofPair)
        + slot * ofPair
        + row / Spans.COLUMNS;
  }
}
