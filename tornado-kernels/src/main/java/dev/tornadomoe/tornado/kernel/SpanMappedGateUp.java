package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Gate, up and activation by spans as [SpanGateUp] has them, of any layer: experts that are
/// elsewhere, parts of a shared expert, weights on the input, and biases.
public final class SpanMappedGateUp {
  private SpanMappedGateUp() {}

  /// As [WorkGroupKernels#gateUp].
  ///
  /// @param flags with [Flags#IN_ORDER] where `map` changes no id
  public static void mappedGateUp(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray factors,
      FloatArray x,
      IntArray words,
      FloatArray scales,
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
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int threads = SpanGateUp.threadsOfGateUp(columns, flags);
    int items = columns / Spans.COLUMNS / SpanGateUp.spansOfItem(columns);
    int slots = topK + extra;
    int groups = (rows + n * lanes - 1) / (n * lanes);
    int pair = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (n * lanes);
    int token = pair / slots;
    int slot = pair % slots;
    float[] local =
        context.allocateFloatLocalArray(SpanGateUp.localOfGateUp(columns, flags, threads));
    float[] parts = context.allocateFloatLocalArray(2 * n * lanes * (Spans.MOST_PARTS + 1));
    int expert = -1;
    if (token < call.get(0)) {
      expert = Spans.expert(ids, map, token, slot, topK, extra, experts, flags);
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
      if (SpanGateUp.spansOfItem(columns) > 1) {
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
    if (SpanGateUp.spansOfItem(columns) > 1) {
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
            SpanGateUp.activatedAt(token, slot, slots, row, rows),
            activated(
                factors, bias, gate, up, expert, token, slot, topK, extra, rows, row, flags, limit,
                alpha));
      }
    }
  }

  private static float activated(
      FloatArray factors,
      FloatArray bias,
      float gateSum,
      float upSum,
      int expert,
      int token,
      int slot,
      int topK,
      int extra,
      int rows,
      int row,
      int flags,
      float limit,
      float alpha) {
    float factor = Pairs.weight(factors, token, slot, topK, extra, flags);
    float gate = gateSum * factor;
    float up = upSum * factor;
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
    return y;
  }
}
