package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What a decoder computes beside its MoE layers. `step[0]` is M, `step[1]` the position of the
/// first token; numbers that never change are compiled in. Work-items that exchange something meet
/// at barriers, which never stand in a condition: a work-group without a token has loops without
/// rounds.
public final class DecoderKernels {
  /// Work-items for a row of a projection.
  static final int LANES = 32;

  /// Rows of a work-group of a projection.
  static final int ROWS = 4;

  private DecoderKernels() {}

  /// `y[t] = x[t] / rms(x[t]) * weight`, a work-group for each token.
  ///
  /// @param last 1: only the last token, into the first row of y
  public static void norm(
      KernelContext context,
      IntArray step,
      FloatArray x,
      FloatArray weight,
      FloatArray y,
      int width,
      float epsilon,
      int last,
      int threads) {
    int token = context.groupIdx;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads);
    int live = 0;
    int from = token * width;
    if (token < step.get(0)) {
      live = width;
    }
    if (last == 1) {
      from = TornadoMath.max(0, step.get(0) - 1) * width;
    }
    float squares = 0f;
    for (int i = t; i < live; i += threads) {
      float value = x.get(from + i);
      squares += value * value;
    }
    partial[t] = squares;
    context.localBarrier();
    float sum = 0f;
    for (int i = 0; i < threads; i++) {
      sum += partial[i];
    }
    float scale = 1f / TornadoMath.sqrt(sum / width + epsilon);
    for (int i = t; i < live; i += threads) {
      y.set(token * width + i, x.get(from + i) * scale * weight.get(i));
    }
  }

  /// `y[t] = W x[t]`, or `y[t] += W x[t]`: a work-group makes [#ROWS] rows, for all tokens.
  ///
  /// @param w `[rows, columns]`
  /// @param add 1: to what y holds
  /// @param tokens the most that there can be
  public static void project(
      KernelContext context,
      IntArray step,
      FloatArray x,
      FloatArray w,
      FloatArray y,
      int rows,
      int columns,
      int add,
      int tokens) {
    int t = context.localIdx;
    int lane = t % 32;
    int row = TornadoMath.min(context.groupIdx * 4 + t / 32, rows - 1);
    float[] partial = context.allocateFloatLocalArray(128 * tokens);
    float[] sums = new float[tokens];
    for (int token = 0; token < tokens; token++) {
      sums[token] = 0f;
    }
    for (int i = lane; i < columns; i += 32) {
      float weight = w.get(row * columns + i);
      for (int token = 0; token < tokens; token++) {
        sums[token] += weight * x.get(token * columns + i);
      }
    }
    for (int token = 0; token < tokens; token++) {
      partial[token * 128 + t] = sums[token];
    }
    context.localBarrier();
    int live = TornadoMath.min(tokens, step.get(0));
    // A work-item of each row adds up a token's parts.
    if (lane < live && context.groupIdx * 4 + t / 32 < rows) {
      float sum = 0f;
      for (int i = 0; i < 32; i++) {
        sum += partial[lane * 128 + t / 32 * 32 + i];
      }
      if (add == 1) {
        sum += y.get(lane * rows + row);
      }
      y.set(lane * rows + row, sum);
    }
  }

  /// Norm and rotation of a head of a query or key, by a work-group with an item for each pair of
  /// elements; keys and values go to the cache. (`rotate` and `half` are words of OpenCL C.)
  ///
  /// @param angles `[tokens, headDim]`: cosines in a row's first half, sines in the second
  /// @param qkv `[tokens, (heads + 2 keyValueHeads) * headDim]`
  /// @param norms `[2, headDim]`, of queries and of keys
  /// @param queries `[tokens, heads * headDim]`
  /// @param keys `[keyValueHeads, headDim, positions]`, so that neighbours have neighbouring
  ///   positions
  /// @param values `[keyValueHeads, positions, headDim]`
  public static void rotateHead(
      KernelContext context,
      IntArray step,
      FloatArray angles,
      FloatArray qkv,
      FloatArray norms,
      FloatArray queries,
      FloatArray keys,
      FloatArray values,
      int heads,
      int keyValueHeads,
      int pairs,
      int positions,
      float epsilon) {
    int i = context.localIdx;
    int token = context.groupIdx / (heads + keyValueHeads);
    int head = context.groupIdx % (heads + keyValueHeads);
    int headDim = 2 * pairs;
    float[] squares = context.allocateFloatLocalArray(pairs);
    int from = (token * (heads + 2 * keyValueHeads) + head) * headDim;
    float a = qkv.get(from + i);
    float b = qkv.get(from + pairs + i);
    squares[i] = a * a + b * b;
    context.localBarrier();
    float sum = 0f;
    for (int j = 0; j < pairs; j++) {
      sum += squares[j];
    }
    float scale = 1f / TornadoMath.sqrt(sum / headDim + epsilon);
    int norm = 0;
    if (head >= heads) {
      norm = headDim;
    }
    a = a * scale * norms.get(norm + i);
    b = b * scale * norms.get(norm + pairs + i);
    float cos = angles.get(token * headDim + i);
    float sin = angles.get(token * headDim + pairs + i);
    float first = a * cos - b * sin;
    float second = b * cos + a * sin;
    if (token < step.get(0)) {
      if (head < heads) {
        int to = (token * heads + head) * headDim;
        queries.set(to + i, first);
        queries.set(to + pairs + i, second);
      } else {
        int position = step.get(1) + token;
        int keyHead = head - heads;
        keys.set((keyHead * headDim + i) * positions + position, first);
        keys.set((keyHead * headDim + pairs + i) * positions + position, second);
        int value = from + keyValueHeads * headDim;
        int to = (keyHead * positions + position) * headDim;
        values.set(to + i, qkv.get(value + i));
        values.set(to + pairs + i, qkv.get(value + pairs + i));
      }
    }
  }

  /// `attended = softmax(q k / sqrt(headDim)) v` of a token's head, by a work-group with an item
  /// for each element. Goes through as many positions at a time: an item has the score of one, then
  /// an element of all values.
  public static void attend(
      KernelContext context,
      IntArray step,
      FloatArray queries,
      FloatArray keys,
      FloatArray values,
      FloatArray attended,
      int heads,
      int keyValueHeads,
      int headDim,
      int positions,
      float scale) {
    int t = context.localIdx;
    int token = context.groupIdx / heads;
    int head = context.groupIdx % heads;
    int keyHead = head / (heads / keyValueHeads);
    float[] query = context.allocateFloatLocalArray(headDim);
    float[] scores = context.allocateFloatLocalArray(headDim);
    int length = 0;
    if (token < step.get(0)) {
      length = step.get(1) + token + 1;
    }
    query[t] = queries.get((token * heads + head) * headDim + t) * scale;
    float largest = -3.0e38f;
    float total = 0f;
    float sum = 0f;
    for (int first = 0; first < length; first += headDim) {
      context.localBarrier();
      float score = -3.0e38f;
      if (first + t < length) {
        score = 0f;
        for (int i = 0; i < headDim; i++) {
          score += query[i] * keys.get((keyHead * headDim + i) * positions + first + t);
        }
      }
      scores[t] = score;
      context.localBarrier();
      int count = TornadoMath.min(headDim, length - first);
      float before = largest;
      for (int i = 0; i < count; i++) {
        largest = TornadoMath.max(largest, scores[i]);
      }
      float keep = TornadoMath.exp(before - largest);
      total = total * keep;
      sum = sum * keep;
      context.localBarrier();
      scores[t] = TornadoMath.exp(score - largest);
      context.localBarrier();
      for (int i = 0; i < count; i++) {
        total += scores[i];
        sum += scores[i] * values.get((keyHead * positions + first + i) * headDim + t);
      }
    }
    if (length > 0) {
      attended.set((token * heads + head) * headDim + t, sum / total);
    }
  }
}
