package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Selection, gate, up and activation in one task, for GPUs and few tokens: a launch costs more
/// than what it saves when a work-group by itself selects the experts of a token.
public final class RoutedKernels {
  private RoutedKernels() {}

  /// Like [WorkGroupKernels#gateUp], from router logits `[M, E]`. Every work-group ranks its
  /// token's experts anew, a work-item for each: its rank is how many are better, so no item waits
  /// for another's choice. The first group of each token writes `ids` and `weights`.
  ///
  /// @param constants as [RouterKernels] describes them
  /// @param factors logits of the shared expert's gate `[M]`
  /// @param experts all of the router's, and all local, not more than a group has work-items
  /// @param flags with those of [Flags#routing]
  public static void routedGateUp(
      KernelContext context,
      IntArray call,
      FloatArray logits,
      FloatArray constants,
      IntArray ids,
      FloatArray weights,
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
      int flags) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int scoring = Flags.scoring(flags);
    int slots = topK + extra;
    int groups = (rows + 8 * n - 1) / (8 * n);
    int pair = context.groupIdx / groups;
    int firstRow = context.groupIdx % groups * (8 * n);
    int token = pair / slots;
    int slot = pair % slots;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(2 * n * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    float[] scores = context.allocateFloatLocalArray(experts);
    float[] choice = context.allocateFloatLocalArray(experts);
    int[] chosen = context.allocateIntLocalArray(topK);
    int liveExperts = 0;
    if (token < call.get(0)) {
      liveExperts = experts;
    }
    float most = RouterKernels.LEAST_LOGIT;
    for (int e = t; e < liveExperts; e += threads) {
      float logit = logits.get(token * experts + e);
      scores[e] = logit;
      most = TornadoMath.max(most, logit);
    }
    if (scoring == 0) {
      parts[t] = most;
      for (int stride = threads / 2; stride > 0; stride = stride / 2) {
        context.localBarrier();
        if (t < stride) {
          parts[t] = TornadoMath.max(parts[t], parts[t + stride]);
        }
      }
      context.localBarrier();
      float max = parts[0];
      context.localBarrier();
      float share = 0f;
      for (int e = t; e < liveExperts; e += threads) {
        float exponential = TornadoMath.exp(scores[e] - max);
        scores[e] = exponential;
        share += exponential;
      }
      parts[t] = share;
      for (int stride = threads / 2; stride > 0; stride = stride / 2) {
        context.localBarrier();
        if (t < stride) {
          parts[t] = parts[t] + parts[t + stride];
        }
      }
      context.localBarrier();
      float total = parts[0];
      for (int e = t; e < liveExperts; e += threads) {
        scores[e] = scores[e] / total;
      }
    } else if (scoring == 1) {
      for (int e = t; e < liveExperts; e += threads) {
        scores[e] = Activations.sigmoid(scores[e]);
      }
    }
    for (int e = t; e < liveExperts; e += threads) {
      float value = scores[e];
      if ((flags & Flags.CORRECTED) != 0) {
        value += constants.get(RouterKernels.CORRECTION + e);
      }
      choice[e] = RouterKernels.place(value);
    }
    context.localBarrier();
    for (int e = t; e < liveExperts; e += threads) {
      float mine = choice[e];
      // In two loops, so that neither asks about equal ones: the earlier one is the better.
      int rank = 0;
      for (int other = 0; other < e; other++) {
        if (choice[other] >= mine) {
          rank++;
        }
      }
      for (int other = e + 1; other < liveExperts; other++) {
        if (choice[other] > mine) {
          rank++;
        }
      }
      if (rank < topK) {
        chosen[rank] = e;
      }
    }
    context.localBarrier();
    int expert = -1;
    if (liveExperts > 0) {
      expert = experts + slot - topK;
      if (slot < topK) {
        expert = chosen[slot];
      }
    }
    int writes = 0;
    if (firstRow == 0 && slot == 0 && liveExperts > 0) {
      writes = topK;
    }
    for (int s = t; s < writes; s += threads) {
      // The weights, in the order of their definition.
      float first = scores[chosen[0]];
      float weight = RouterKernels.weight(scores[chosen[s]], first, scoring);
      if (scoring == 2 || (flags & Flags.RENORMALISE) != 0) {
        float all = 0f;
        for (int other = 0; other < topK; other++) {
          all += RouterKernels.weight(scores[chosen[other]], first, scoring);
        }
        if (scoring != 2) {
          all = RouterKernels.divisor(all, constants);
        }
        weight = weight / all;
      }
      ids.set(token * topK + s, chosen[s]);
      weights.set(token * topK + s, weight * constants.get(RouterKernels.SCALE));
    }
    int live = 0;
    if (expert >= 0) {
      live = (columns + 7) / 8;
    }
    float[] sums = new float[2 * n];
    WorkGroupKernels.addGateUp(
        x, token, words, scales, order, expert, live, t, threads, firstRow, rows, columns,
        groupSize, flags, sums);
    for (int i = 0; i < 2 * n; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    int outputs = 16 * n;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < 2 * n; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();

    int row = firstRow + t;
    if (t < 8 * n && live > 0) {
      if (row < rows) {
        float gate = 0f;
        float up = 0f;
        for (int i = 0; i < perOutput; i++) {
          gate += parts[i * outputs + t];
          up += parts[i * outputs + 8 * n + t];
        }
        if ((flags & Flags.BIAS) != 0) {
          int biasAt = expert * 2 * ((rows + 7) / 8) * 8 + row;
          gate += bias.get(biasAt);
          up += bias.get(biasAt + (rows + 7) / 8 * 8);
        }
        float y =
            Activations.apply(
                gate,
                up,
                flags,
                constants.get(RouterKernels.LIMIT),
                constants.get(RouterKernels.ALPHA));
        if ((flags & Flags.SHARED_GATE) != 0) {
          if (slot >= topK) {
            y *= Activations.sigmoid(factors.get(token));
          }
        }
        activated.set(pair * rows + row, y);
      }
    }
  }
}
