package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Grouped-query attention of a step: `step[0]` is M, `step[1]` the position of the first token.
/// The positions of the cache are divided among several work-groups of a head, and what they found
/// is combined.
public final class AttentionKernels {
  /// Work-items that find a largest score: each looks at a 16th of them.
  private static final int LAST = 16;

  /// A work-group's size is a multiple of this: a quarter of it is a multiple of 16.
  static final int UNIT = 64;

  /// Less than any score.
  private static final float NONE = -3.0e38f;

  private AttentionKernels() {}

  /// Norm and rotation of a token's query and of the step's keys, and the token's attention to a
  /// part of all positions, a head for each work-group. The step's own keys are no group's to read
  /// from the cache, since another one writes them there.
  ///
  /// @param qkv `[tokens, (heads + 2 keyValueHeads) * headDim]`
  /// @param angles `[positions, headDim]`: cosines in a row's first half, sines in the second
  /// @param keys `[keyValueHeads, headDim, positions]`: neighbours have neighbouring positions
  /// @param values `[keyValueHeads, positions, headDim]`
  /// @param found `[tokens, splits, heads, headDim]`: sums of values, divided by that of weights
  ///   where there is one split
  /// @param weights `[tokens, splits, heads, 2]`: the largest score, and the sum of all `exp(score
  ///   - largest)`
  /// @param tokens the most of a step
  /// @param splits work-groups that share a token's head
  /// @param threads of a work-group, a multiple of headDim and of [#UNIT]
  public static void attend(
      KernelContext context,
      IntArray step,
      FloatArray qkv,
      FloatArray queryNorm,
      FloatArray keyNorm,
      FloatArray angles,
      FloatArray keys,
      FloatArray values,
      FloatArray found,
      FloatArray weights,
      int heads,
      int keyValueHeads,
      int headDim,
      int positions,
      int tokens,
      int splits,
      int threads,
      float epsilon) {
    int t = context.localIdx;
    int head = context.groupIdx % heads;
    int split = context.groupIdx / heads % splits;
    int token = context.groupIdx / heads / splits;
    int keyHead = head / (heads / keyValueHeads);
    int width = (heads + 2 * keyValueHeads) * headDim;
    int first = step.get(1);
    // The query, then the keys of the step's tokens up to this one.
    float[] turned = context.allocateFloatLocalArray((tokens + 1) * headDim);
    float[] squares = context.allocateFloatLocalArray((tokens + 1) * headDim / 2);
    float[] partial = context.allocateFloatLocalArray(threads);
    float[] scores = context.allocateFloatLocalArray(threads / 4);
    float[] largestOf = context.allocateFloatLocalArray(LAST);
    int half = headDim / 2;
    for (int i = t; i < (tokens + 1) * half; i += threads) {
      int from = source(i / half, token, head, heads + keyHead, width, headDim) + i % half;
      float a = qkv.get(from);
      float b = qkv.get(from + half);
      squares[i] = a * a + b * b;
    }
    context.localBarrier();
    for (int i = t; i < (tokens + 1) * half; i += threads) {
      int row = i / half;
      int from = source(row, token, head, heads + keyHead, width, headDim) + i % half;
      float sum = 0f;
      for (int j = 0; j < half; j++) {
        sum += squares[row * half + j];
      }
      float scale = 1f / TornadoMath.sqrt(sum / headDim + epsilon);
      float a = qkv.get(from) * scale;
      float b = qkv.get(from + half) * scale;
      int position = first + token;
      if (row > 0) {
        position = first + row - 1;
        a = a * keyNorm.get(i % half);
        b = b * keyNorm.get(half + i % half);
      } else {
        a = a * queryNorm.get(i % half);
        b = b * queryNorm.get(half + i % half);
      }
      // There may be more queries and keys than the step, and the cache, has tokens.
      position = TornadoMath.min(position, positions - 1);
      float cos = angles.get(position * headDim + i % half);
      float sin = angles.get(position * headDim + half + i % half);
      turned[row * headDim + i % half] = a * cos - b * sin;
      turned[row * headDim + half + i % half] = b * cos + a * sin;
    }
    context.localBarrier();
    int value = (heads + keyValueHeads + keyHead) * headDim;
    // One group of those with the same keys keeps the token's.
    if (head % (heads / keyValueHeads) == 0 && split == 0 && token < step.get(0)) {
      for (int i = t; i < headDim; i += threads) {
        int position = first + token;
        keys.set((keyHead * headDim + i) * positions + position, turned[(token + 1) * headDim + i]);
        values.set(
            (keyHead * positions + position) * headDim + i, qkv.get(token * width + value + i));
      }
    }
    // The step's own tokens are the first part's, a 16th of a work-group for each.
    float scale = 1f / TornadoMath.sqrt(headDim);
    int lane = t % LAST;
    float product = 0f;
    if (t / LAST < tokens) {
      for (int i = lane; i < headDim; i += LAST) {
        product += turned[i] * turned[(t / LAST + 1) * headDim + i];
      }
    }
    partial[t] = product;
    context.localBarrier();
    float largest = NONE;
    float total = 0f;
    float sum = 0f;
    int own = 0;
    if (split == 0) {
      own = token + 1;
    }
    for (int j = 0; j < own; j++) {
      float score = 0f;
      for (int i = 0; i < LAST; i++) {
        score += partial[j * LAST + i];
      }
      score = score * scale;
      float before = largest;
      largest = TornadoMath.max(largest, score);
      float keep = TornadoMath.exp(before - largest);
      float weight = TornadoMath.exp(score - largest);
      // The others of a work-group that have this element begin with nothing.
      if (t >= headDim) {
        weight = 0f;
      }
      total = total * keep + weight;
      sum = sum * keep + weight * qkv.get(j * width + value + t % headDim);
    }
    // A quarter of a work-group has as many positions as it has work-items, and of each a quarter
    // of the elements.
    int size = threads / 4;
    int each = (first + splits - 1) / splits;
    int end = TornadoMath.min(first, (split + 1) * each);
    int fourth = t / size * (headDim / 4);
    float[] ahead = new float[headDim / 4];
    for (int from = split * each; from < end; from += size) {
      // Values are on their way while scores are computed; those behind the end have no weight.
      for (int k = 0; k < headDim / 4; k++) {
        int i = from + k * (threads / headDim) + t / headDim;
        int at = keyHead * positions + TornadoMath.min(i, end - 1);
        ahead[k] = values.get(at * headDim + t % headDim);
      }
      int position = TornadoMath.min(from + t % size, end - 1);
      product = 0f;
      for (int i = 0; i < headDim / 4; i++) {
        product +=
            turned[fourth + i] * keys.get((keyHead * headDim + fourth + i) * positions + position);
      }
      context.localBarrier();
      partial[t] = product;
      context.localBarrier();
      float score = NONE;
      if (t < size) {
        if (from + t < end) {
          score =
              (partial[t] + partial[t + size] + partial[t + 2 * size] + partial[t + 3 * size])
                  * scale;
        }
        scores[t] = score;
      }
      context.localBarrier();
      if (t < LAST) {
        float most = scores[t];
        for (int i = t + LAST; i < size; i += LAST) {
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
        int i = k * (threads / headDim) + t / headDim;
        total += scores[i];
        sum += scores[i] * ahead[k];
      }
    }
    context.localBarrier();
    partial[t] = sum;
    if (t % headDim == 0) {
      scores[t / headDim] = total;
    }
    context.localBarrier();
    if (t < headDim && token < step.get(0)) {
      int to = (token * splits + split) * heads + head;
      for (int i = 1; i < threads / headDim; i++) {
        sum += partial[i * headDim + t];
        total += scores[i];
      }
      if (splits == 1) {
        sum = sum / total;
      }
      found.set(to * headDim + t, sum);
      if (t == 0) {
        weights.set(2 * to, largest);
        weights.set(2 * to + 1, total);
      }
    }
  }

  /// Where a query or key is.
  ///
  /// @param row 0 for the query, then the keys of the step's tokens
  private static int source(int row, int token, int query, int key, int width, int headDim) {
    int from = token * width + query * headDim;
    if (row > 0) {
      from = (row - 1) * width + key * headDim;
    }
    return from;
  }

  /// What a token attends to, of all parts: `attended[tokens, heads * headDim]`, a work-item for
  /// each element.
  public static void combine(
      KernelContext context,
      FloatArray found,
      FloatArray weights,
      FloatArray attended,
      int heads,
      int headDim,
      int splits) {
    int element = context.globalIdx;
    int head = element / headDim % heads;
    int first = element / headDim / heads * splits * heads + head;
    float largest = NONE;
    for (int split = 0; split < splits; split++) {
      largest = TornadoMath.max(largest, weights.get(2 * (first + split * heads)));
    }
    float total = 0f;
    float sum = 0f;
    for (int split = 0; split < splits; split++) {
      int from = first + split * heads;
      float weight = TornadoMath.exp(weights.get(2 * from) - largest);
      total += weight * weights.get(2 * from + 1);
      sum += weight * found.get(from * headDim + element % headDim);
    }
    attended.set(element, sum / total);
  }
}
