package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Grouped-query attention of a step: `step[0]` is M, `step[1]` the position of the first token.
/// `qkv` is `[tokens, (heads + 2 keyValueHeads) * headDim]`, the cache `keys` `[keyValueHeads,
/// headDim, positions]`, where neighbours have neighbouring positions, and `values`
/// `[keyValueHeads, positions, headDim]`.
public final class AttentionKernels {
  /// Less than any score.
  private static final float NONE = -3.0e38f;

  /// Work-items that find a largest score: each looks at a 16th of them.
  private static final int LAST = 16;

  private AttentionKernels() {}

  /// Norm and rotation of queries, where they are, and of keys, which go to the cache with their
  /// values: a work-group for each head, query heads first, and a work-item for each element.
  ///
  /// @param angles `[positions, headDim]`: cosines in a row's first half, sines in the second
  public static void normAndRotate(
      KernelContext context,
      IntArray step,
      FloatArray qkv,
      FloatArray queryNorm,
      FloatArray keyNorm,
      FloatArray angles,
      FloatArray keys,
      FloatArray values,
      int heads,
      int keyValueHeads,
      int headDim,
      int positions,
      float epsilon) {
    int t = context.localIdx;
    int head = context.groupIdx % (heads + keyValueHeads);
    int token = context.groupIdx / (heads + keyValueHeads);
    int from = (token * (heads + 2 * keyValueHeads) + head) * headDim;
    float[] squares = context.allocateFloatLocalArray(headDim);
    float[] normed = context.allocateFloatLocalArray(headDim);
    int half = headDim / 2;
    // Tokens behind the last one are computed like it and written nowhere.
    int position = TornadoMath.min(step.get(1) + token, positions - 1);
    float cos = angles.get(position * headDim + t % half);
    float sin = angles.get(position * headDim + half + t % half);
    float weight = 0f;
    if (head < heads) {
      weight = queryNorm.get(t);
    } else {
      weight = keyNorm.get(t);
    }
    float value = qkv.get(from + t);
    squares[t] = value * value;
    context.localBarrier();
    float sum = 0f;
    for (int i = 0; i < headDim; i++) {
      sum += squares[i];
    }
    normed[t] = value / TornadoMath.sqrt(sum / headDim + epsilon) * weight;
    context.localBarrier();
    if (t < half) {
      sin = -sin;
    }
    float turned = normed[t] * cos + normed[(t + half) % headDim] * sin;
    if (token < step.get(0)) {
      if (head < heads) {
        qkv.set(from + t, turned);
      } else {
        int keyHead = head - heads;
        keys.set((keyHead * headDim + t) * positions + position, turned);
        values.set(
            (keyHead * positions + position) * headDim + t,
            qkv.get(from + keyValueHeads * headDim + t));
      }
    }
  }

  /// A token's attention to all positions up to its own, a work-group for each of its heads: as
  /// many positions at a time as a quarter of the group has work-items, `scores` and the largest of
  /// them first, then what is taken of their values (arXiv:1805.02867).
  ///
  /// @param attended `[tokens, heads * headDim]`
  /// @param threads of a work-group, a multiple of headDim
  public static void attend(
      KernelContext context,
      IntArray step,
      FloatArray qkv,
      FloatArray keys,
      FloatArray values,
      FloatArray attended,
      int heads,
      int keyValueHeads,
      int headDim,
      int positions,
      int threads) {
    int t = context.localIdx;
    int head = context.groupIdx % heads;
    int token = context.groupIdx / heads;
    int keyHead = head / (heads / keyValueHeads);
    float[] query = context.allocateFloatLocalArray(headDim);
    float[] partial = context.allocateFloatLocalArray(threads);
    float[] scores = context.allocateFloatLocalArray(threads / 4);
    float[] largestOf = context.allocateFloatLocalArray(LAST);
    if (t < headDim) {
      query[t] = qkv.get((token * (heads + 2 * keyValueHeads) + head) * headDim + t);
    }
    context.localBarrier();
    int end = 0;
    if (token < step.get(0)) {
      end = step.get(1) + token + 1;
    }
    float largest = NONE;
    float total = 0f;
    float sum = 0f;
    int size = threads / 4;
    int fourth = t / size * (headDim / 4); // the elements that this quarter multiplies
    float[] ahead = new float[headDim / 4];
    for (int from = 0; from < end; from += size) {
      // Values are on their way while scores are computed; those behind the end have no weight.
      for (int k = 0; k < headDim / 4; k++) {
        int i = from + k * (threads / headDim) + t / headDim;
        int at = keyHead * positions + TornadoMath.min(i, end - 1);
        ahead[k] = values.get(at * headDim + t % headDim);
      }
      int position = TornadoMath.min(from + t % size, end - 1);
      float product = 0f;
      for (int i = 0; i < headDim / 4; i++) {
        product +=
            query[fourth + i] * keys.get((keyHead * headDim + fourth + i) * positions + position);
      }
      partial[t] = product;
      context.localBarrier();
      float score = NONE;
      if (t < size && from + t < end) {
        score = partial[t] + partial[t + size] + partial[t + 2 * size] + partial[t + 3 * size];
        score = score / TornadoMath.sqrt(headDim);
      }
      if (t < size) {
        scores[t] = score;
      }
      context.localBarrier();
      if (t < LAST) {
        float most = NONE;
        for (int i = t; i < size; i += LAST) {
          most = TornadoMath.max(most, scores[i]);
        }
        largestOf[t] = most;
      }
      context.localBarrier();
      float before = largest;
      for (int i = 0; i < LAST; i++) {
        largest = TornadoMath.max(largest, largestOf[i]);
      }
      if (t < size) {
        scores[t] = TornadoMath.exp(score - largest);
      }
      context.localBarrier();
      float keep = TornadoMath.exp(before - largest);
      total = total * keep;
      sum = sum * keep;
      for (int k = 0; k < headDim / 4; k++) {
        float weight = scores[k * (threads / headDim) + t / headDim];
        total += weight;
        sum += weight * ahead[k];
      }
      context.localBarrier();
    }
    partial[t] = sum;
    if (t % headDim == 0) {
      scores[t / headDim] = total;
    }
    context.localBarrier();
    if (t < headDim && end > 0) {
      for (int i = 1; i < threads / headDim; i++) {
        sum += partial[i * headDim + t];
        total += scores[i];
      }
      attended.set((token * heads + head) * headDim + t, sum / total);
    }
  }
}
