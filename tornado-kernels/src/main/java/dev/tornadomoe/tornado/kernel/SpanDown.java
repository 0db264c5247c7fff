package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels for GPUs, few tokens, and weights whose codes have scales: down of what [SpanGateUp] has
/// computed, with a form for the usual layer and one for any.
public final class SpanDown {
  private SpanDown() {}

  /// Down projection, weighting and sum over a token's pairs: `target[M, H]`, where all of the
  /// router's experts are here, in order, and nothing else is added.
  ///
  /// @param threads of a group; with fewer than spans of a token's pairs and lanes, each takes
  ///   several
  public static void down(
      KernelContext context,
      IntArray call,
      IntArray ids,
      FloatArray weights,
      FloatArray activated,
      IntArray words,
      FloatArray scales,
      FloatArray target,
      int topK,
      int columns,
      int rows,
      int groupSize,
      int flags,
      int threads) {
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int groups = (rows + n * lanes - 1) / (n * lanes);
    int token = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (n * lanes);
    int t = context.localIdx;
    int spans = columns / Spans.COLUMNS;
    float[] local = context.allocateFloatLocalArray(n * threads);
    float[] parts = context.allocateFloatLocalArray(n * lanes * (Spans.MOST_PARTS + 1));
    int live = 0;
    if (token < call.get(0)) {
      live = topK * spans;
    }
    int[] word = new int[n * Chunks.wordsOfSpan(columns, flags)];
    float[] scale = new float[n * Spans.parts(groupSize)];
    float[] zero = new float[n * Spans.parts(groupSize)];
    float[] ofSpan = new float[Spans.COLUMNS];
    float[] offset = new float[Spans.parts(groupSize)];
    float[] total = new float[Spans.parts(groupSize)];
    float[] sums = new float[n];
    for (int i = 0; i < n; i++) {
      sums[i] = 0f;
    }
    // Mostly one round, and then no loop: with one, everything was kept twice (H200: 168
    // registers).
    int rounds = (topK * spans * lanes + threads - 1) / threads;
    for (int round = 0; round < rounds; round++) {
      int item = round * (threads / lanes) + t / lanes;
      if (item < live) {
        int pair = token * topK + item / spans;
        float weight = Pairs.weight(weights, 0, pair, topK, 0, flags);
        Spans.load(
            words,
            scales,
            ids.get(pair),
            1,
            firstRow,
            item % spans * lanes + t % lanes,
            columns,
            rows,
            groupSize,
            flags,
            word,
            scale,
            zero);
        long from = Spans.known(token * topK * columns + item);
        for (int c = 0; c < Spans.COLUMNS; c++) {
          int behind = c * (topK * spans);
          ofSpan[c] = activated.get((int) (from + behind)) * weight * Spans.power(c, flags);
        }
        Spans.sums(ofSpan, groupSize, flags, offset, total);
        for (int i = 0; i < n; i++) {
          sums[i] +=
              Spans.dot(word, scale, zero, ofSpan, offset, total, i, columns, groupSize, flags);
        }
      }
    }
    for (int i = 0; i < n; i++) {
      local[i * threads + t] = sums[i];
    }
    context.localBarrier();
    int per = Spans.partsOf(n * lanes, threads);
    if (t < n * lanes * per) {
      float part = 0f;
      for (int i = 0; i < (threads / lanes + per - 1) / per; i++) {
        int item = t / lanes % per + i * per;
        if (item < threads / lanes) {
          part += local[t / (lanes * per) * threads + item * lanes + t % lanes];
        }
      }
      parts[t / (lanes * per) * ((per + 1) * lanes) + t % (lanes * per)] = part;
    }
    context.localBarrier();
    int row = firstRow + t;
    if (t < n * lanes && live > 0) {
      if (row < rows) {
        float sum = 0f;
        for (int i = 0; i < per; i++) {
          sum += parts[(t / lanes * (per + 1) + i) * lanes + t % lanes];
        }
        int at = token * rows + row;
        if ((flags & Flags.ACCUMULATE) != 0) {
          sum += target.get(at);
        }
        target.set(at, sum);
      }
    }
  }

  /// The same of any layer, as [WorkGroupKernels#down].
  ///
  /// @param flags with [Flags#IN_ORDER] where `map` changes no id
  public static void mappedDown(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray weights,
      FloatArray activated,
      IntArray words,
      FloatArray scales,
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
      int flags,
      int threads) {
    int lanes = Flags.lanes(flags);
    int n = Flags.rowsPerItem(flags);
    int slots = topK + extra;
    int groups = (rows + n * lanes - 1) / (n * lanes);
    int token = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (n * lanes);
    int t = context.localIdx;
    int spans = columns / Spans.COLUMNS;
    float[] local = context.allocateFloatLocalArray(n * threads);
    float[] parts = context.allocateFloatLocalArray(n * lanes * (Spans.MOST_PARTS + 1));
    int live = 0;
    if (token < call.get(0)) {
      live = slots * spans;
    }
    int[] word = new int[n * Chunks.wordsOfSpan(columns, flags)];
    float[] scale = new float[n * Spans.parts(groupSize)];
    float[] zero = new float[n * Spans.parts(groupSize)];
    float[] ofSpan = new float[Spans.COLUMNS];
    float[] offset = new float[Spans.parts(groupSize)];
    float[] total = new float[Spans.parts(groupSize)];
    float[] sums = new float[n];
    for (int i = 0; i < n; i++) {
      sums[i] = 0f;
    }
    // Mostly one round, and then no loop: with one, everything was kept twice (H200: 168
    // registers).
    int rounds = (slots * spans * lanes + threads - 1) / threads;
    for (int round = 0; round < rounds; round++) {
      int item = round * (threads / lanes) + t / lanes;
      if (item < live) {
        int slot = item / spans;
        int expert = Spans.expert(ids, map, token, slot, topK, extra, experts, flags);
        if (expert >= 0) {
          float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
          Spans.load(
              words,
              scales,
              expert,
              1,
              firstRow,
              item % spans * lanes + t % lanes,
              columns,
              rows,
              groupSize,
              flags,
              word,
              scale,
              zero);
          long from = Spans.known(token * slots * columns + item);
          for (int c = 0; c < Spans.COLUMNS; c++) {
            int behind = c * (slots * spans);
            ofSpan[c] = activated.get((int) (from + behind)) * weight * Spans.power(c, flags);
          }
          Spans.sums(ofSpan, groupSize, flags, offset, total);
          for (int i = 0; i < n; i++) {
            sums[i] +=
                Spans.dot(word, scale, zero, ofSpan, offset, total, i, columns, groupSize, flags);
          }
        }
      }
    }
    for (int i = 0; i < n; i++) {
      local[i * threads + t] = sums[i];
    }
    context.localBarrier();
    int per = Spans.partsOf(n * lanes, threads);
    if (t < n * lanes * per) {
      float part = 0f;
      for (int i = 0; i < (threads / lanes + per - 1) / per; i++) {
        int item = t / lanes % per + i * per;
        if (item < threads / lanes) {
          part += local[t / (lanes * per) * threads + item * lanes + t % lanes];
        }
      }
      parts[t / (lanes * per) * ((per + 1) * lanes) + t % (lanes * per)] = part;
    }
    context.localBarrier();
    int row = firstRow + t;
    if (t < n * lanes && live > 0) {
      if (row < rows) {
        float sum = 0f;
        for (int i = 0; i < per; i++) {
          sum += parts[(t / lanes * (per + 1) + i) * lanes + t % lanes];
        }
        if ((flags & Flags.BIAS) != 0) {
          for (int slot = 0; slot < slots; slot++) {
            int expert = Spans.expert(ids, map, token, slot, topK, extra, experts, flags);
            float weight = Pairs.weight(weights, token, slot, topK, extra, flags);
            if (expert >= 0) {
              sum += weight * bias.get(expert * ((rows + 7) / 8 * 8) + row);
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
