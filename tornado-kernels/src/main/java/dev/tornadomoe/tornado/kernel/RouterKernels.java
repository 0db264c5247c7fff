package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// From router logits to ids and weights. `call[0]` is M.
public final class RouterKernels {
  /// In `gating`: `TopKGating.Scoring` by its ordinal, and what else it may ask for.
  public static final int SCORING = 7;

  public static final int RENORMALISE = 8;
  public static final int CORRECTED = 16;
  public static final int SUM_OF_TWO = 32;
  public static final int ZEROED = 64;
  public static final int NORMED = 128;

  /// The weights of the chosen are multiplied by their experts' scales.
  public static final int EXPERT_SCALE = 256;

  /// A layer's constants, which are too many for parameters: the activation's limit and alpha, the
  /// scale of the router's weights, epsilon, least sum and norm of their renormalisation, and
  /// behind them what the selection adds, and the experts' scales, if there are any.
  public static final int LIMIT = 0;

  public static final int ALPHA = 1;
  public static final int SCALE = 2;
  public static final int EPSILON = 3;
  public static final int LEAST_SUM = 4;
  public static final int NORM = 5;
  public static final int CORRECTION = 6;

  /// Where infinite scores are put, and NaN above them.
  private static final float HIGHEST = 3.0e38f;

  private static final float NOT_A_NUMBER = 3.3e38f;
  private static final float LOWEST = -2.9e38f;

  /// Below every score: of experts in groups that were not kept.
  private static final float CLOSED = -3.0e38f;

  /// Of work-items without an expert.
  static final float LEAST_LOGIT = -3.4e38f;

  private RouterKernels() {}

  /// `TopKGating` in the order of its definition, from logits `[M, E]`, a work-group for each
  /// token. An expert's rank is how many are better, so nobody waits for another's choice: choosing
  /// one after the other took 12 us (H200, 128 experts). The logits have their own task: one
  /// work-group alone took five times as long for them as a launch takes (H200). (Called `select`
  /// it would crash the driver: OpenCL C has a function of that name.)
  ///
  /// @param gating scoring and the bits above
  /// @param groups 0 for none
  /// @param threads of a work-group, a power of two
  public static void chooseExperts(
      KernelContext context,
      IntArray call,
      FloatArray logits,
      FloatArray constants,
      IntArray ids,
      FloatArray weights,
      int experts,
      int gating,
      int topK,
      int groups,
      int kept,
      float scale,
      int threads) {
    int token = context.groupIdx;
    int t = context.localIdx;
    int shares = sharesOfRank(experts, threads);
    float[] scores = context.allocateFloatLocalArray(experts);
    float[] choice = context.allocateFloatLocalArray(experts);
    float[] partial = context.allocateFloatLocalArray(threads + groups);
    int[] better = context.allocateIntLocalArray(experts * shares);
    int[] chosen = context.allocateIntLocalArray(topK);
    // A work-group without a token has loops without rounds: no barrier stands inside a condition.
    int live = 0;
    if (token < call.get(0)) {
      live = experts;
    }
    float most = LEAST_LOGIT;
    for (int e = t; e < live; e += threads) {
      float logit = logits.get(token * experts + e);
      scores[e] = logit;
      most = TornadoMath.max(most, logit);
    }
    int scoring = gating & SCORING;
    if (scoring == 0) {
      partial[t] = most;
      for (int stride = threads / 2; stride > 0; stride = stride / 2) {
        context.localBarrier();
        if (t < stride) {
          partial[t] = TornadoMath.max(partial[t], partial[t + stride]);
        }
      }
      context.localBarrier();
      float max = partial[0];
      context.localBarrier();
      float ofItem = 0f;
      for (int e = t; e < live; e += threads) {
        float exponential = TornadoMath.exp(scores[e] - max);
        scores[e] = exponential;
        ofItem += exponential;
      }
      partial[t] = ofItem;
      for (int stride = threads / 2; stride > 0; stride = stride / 2) {
        context.localBarrier();
        if (t < stride) {
          partial[t] = partial[t] + partial[t + stride];
        }
      }
      context.localBarrier();
      float total = partial[0];
      context.localBarrier();
      for (int e = t; e < live; e += threads) {
        scores[e] = scores[e] / total;
      }
    } else if (scoring == 1 || scoring == 4) {
      for (int e = t; e < live; e += threads) {
        scores[e] = ofLogit(scores[e], scoring);
      }
    }
    for (int e = t; e < live; e += threads) {
      float value = scores[e];
      if ((gating & CORRECTED) != 0) {
        value += constants.get(CORRECTION + e);
      }
      choice[e] = place(value);
    }
    context.localBarrier();
    if (groups > 0) {
      int size = experts / groups;
      int liveGroups = 0;
      if (live > 0) {
        liveGroups = groups;
      }
      for (int group = t; group < liveGroups; group += threads) {
        float first = CLOSED;
        float second = CLOSED;
        for (int e = group * size; e < (group + 1) * size; e++) {
          float value = choice[e];
          if (value > first) {
            second = first;
            first = value;
          } else if (value > second) {
            second = value;
          }
        }
        if ((gating & SUM_OF_TWO) != 0) {
          first += second;
        }
        partial[group] = first;
      }
      context.localBarrier();
      for (int e = t; e < live; e += threads) {
        int mine = e / size;
        int before = 0;
        // Two loops: unrolled, one that compared places would have conditions that are constant,
        // and TornadoVM can't compile those.
        for (int other = 0; other < mine; other++) {
          if (partial[other] >= partial[mine]) {
            before++;
          }
        }
        for (int other = mine + 1; other < groups; other++) {
          if (partial[other] > partial[mine]) {
            before++;
          }
        }
        if (before >= kept) {
          float closed = CLOSED;
          if ((gating & ZEROED) != 0) {
            closed = 0f;
          }
          choice[e] = closed;
        }
      }
      context.localBarrier();
    }
    // Some work-items share an expert, each compares it with some others.
    int share = (experts + shares - 1) / shares;
    for (int item = t; item < live * shares; item += threads) {
      int e = item % experts;
      int from = item / experts * share;
      float mine = choice[e];
      int count = 0;
      for (int other = from; other < TornadoMath.min(from + share, experts); other++) {
        // Of equal ones the earlier one is the better.
        if (choice[other] > mine || (choice[other] == mine && other < e)) {
          count++;
        }
      }
      better[item] = count;
    }
    context.localBarrier();
    for (int e = t; e < live; e += threads) {
      int rank = 0;
      for (int i = 0; i < shares; i++) {
        rank += better[i * experts + e];
      }
      if (rank < topK) {
        chosen[rank] = e;
      }
    }
    context.localBarrier();
    int writes = 0;
    if (live > 0) {
      writes = topK;
    }
    for (int s = t; s < writes; s += threads) {
      // The weights, in the order of their definition.
      float first = scores[chosen[0]];
      float weight = weight(scores[chosen[s]], first, scoring);
      float factor = scale;
      if (scoring == 2 || (gating & RENORMALISE) != 0) {
        float sum = 0f;
        for (int other = 0; other < topK; other++) {
          float part = weight(scores[chosen[other]], first, scoring);
          if ((gating & NORMED) != 0) {
            part = TornadoMath.pow(part, constants.get(NORM));
          }
          sum += part;
        }
        if ((gating & NORMED) != 0) {
          sum = TornadoMath.pow(sum, 1f / constants.get(NORM));
        }
        if (scoring != 2) {
          sum = divisor(sum, constants);
        }
        factor = scale / sum;
      }
      if ((gating & EXPERT_SCALE) != 0) {
        int scales = CORRECTION;
        if ((gating & CORRECTED) != 0) {
          scales += experts;
        }
        factor *= constants.get(scales + chosen[s]);
      }
      ids.set(token * topK + s, chosen[s]);
      weights.set(token * topK + s, weight * factor);
    }
  }

  /// `TableGating`: a token's experts stand in a table at its id, a work-item for each token.
  ///
  /// @param gating scoring, whether weights are renormalised, and whether by another norm than
  ///   their sum
  public static void expertsOfTable(
      KernelContext context,
      IntArray call,
      FloatArray logits,
      FloatArray constants,
      IntArray tokenIds,
      IntArray table,
      IntArray ids,
      FloatArray weights,
      int experts,
      int gating,
      int topK) {
    int token = context.globalIdx;
    if (token < call.get(0)) {
      int row = tokenIds.get(token) * topK;
      int scoring = gating & SCORING;
      float sum = 0f;
      for (int s = 0; s < topK; s++) {
        int expert = table.get(row + s);
        float score = ofLogit(logits.get(token * experts + expert), scoring);
        ids.set(token * topK + s, expert);
        weights.set(token * topK + s, score);
        float part = score;
        if ((gating & NORMED) != 0) {
          part = TornadoMath.pow(part, constants.get(NORM));
        }
        sum += part;
      }
      if ((gating & NORMED) != 0) {
        sum = TornadoMath.pow(sum, 1f / constants.get(NORM));
      }
      float factor = constants.get(SCALE);
      if ((gating & RENORMALISE) != 0) {
        factor = factor / divisor(sum, constants);
      }
      for (int s = 0; s < topK; s++) {
        weights.set(token * topK + s, weights.get(token * topK + s) * factor);
      }
    }
  }

  /// An expert's score where that depends on its own logit alone.
  static float ofLogit(float logit, int scoring) {
    float score = logit;
    if (scoring == 1) {
      score = Activations.sigmoid(logit);
    } else if (scoring == 4) {
      // Of a small x, ln(1 + x) loses what 1 + x loses, unless that is taken into account; of a
      // smaller one it is x.
      float root = TornadoMath.exp(0.5f * TornadoMath.min(logit, 20f));
      float exponential = root * root;
      float sum = 1f + exponential;
      score = root;
      if (sum > 1f) {
        score = TornadoMath.sqrt(TornadoMath.log(sum) * (exponential / (sum - 1f)));
      }
      if (logit > 20f) {
        score = TornadoMath.sqrt(logit);
      }
      if (Float.isNaN(logit)) {
        score = logit;
      }
    }
    return score;
  }

  /// Work-items that share an expert's comparisons.
  public static int sharesOfRank(int experts, int threads) {
    return TornadoMath.max(1, threads / experts);
  }

  /// A chosen expert's weight before it is divided by the sum of all, from its score and that of
  /// the first.
  static float weight(float score, float first, int scoring) {
    float weight = score;
    if (scoring == 2) {
      weight = TornadoMath.exp(score - first);
    } else if (scoring == 3) {
      weight = Activations.sigmoid(score);
    }
    return weight;
  }

  /// What experts are chosen by: their score, but a NaN above all numbers, as in `torch.topk`, and
  /// nothing among the marks below every score.
  static float place(float score) {
    float placed = TornadoMath.max(TornadoMath.min(score, HIGHEST), LOWEST);
    if (Float.isNaN(score)) {
      placed = NOT_A_NUMBER;
    }
    return placed;
  }

  /// What renormalised weights are divided by.
  ///
  /// @param sum of them; a NaN stays one
  static float divisor(float sum, FloatArray constants) {
    float divisor = sum + constants.get(EPSILON);
    float least = constants.get(LEAST_SUM);
    if (divisor < least) {
      divisor = least;
    }
    return divisor;
  }

  /// `SparseMixer`: two experts, from logits, a work-item for each token.
  public static void sparseMixer(
      KernelContext context,
      IntArray call,
      FloatArray logits,
      IntArray ids,
      FloatArray weights,
      int experts,
      float jitter) {
    int token = context.globalIdx;
    if (token < call.get(0)) {
      int row = token * experts;
      int first = -1;
      for (int s = 0; s < 2; s++) {
        int best = -1;
        float max = 0f;
        for (int e = 0; e < experts; e++) {
          float logit = logits.get(row + e);
          if (e != first && (best < 0 || logit > max)) {
            best = e;
            max = logit;
          }
        }
        float sum = 0f;
        for (int e = 0; e < experts; e++) {
          float logit = logits.get(row + e);
          float scale = TornadoMath.max(TornadoMath.abs(logit), max);
          boolean far = (max - logit) / scale > 2f * jitter;
          if (e != first && !far) {
            sum += TornadoMath.exp(logit - max);
          }
        }
        ids.set(token * 2 + s, best);
        weights.set(token * 2 + s, 1f / sum);
        first = best;
      }
    }
  }
}
