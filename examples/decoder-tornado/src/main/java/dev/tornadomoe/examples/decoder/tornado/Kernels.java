package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The kernels of a layer beside the library's. `step[0]` is M, `step[1]` the position of the first
/// token; numbers that never change are compiled in. Work-items that exchange something meet at
/// barriers, which never stand in a condition.
///
/// `qkv` is `[tokens, (heads + 2 kvHeads) * headDim]`, the cache `keys` `[kvHeads, headDim,
/// positions]`, where neighbours have neighbouring positions, and `values` `[kvHeads, positions,
/// headDim]`.
public final class Kernels {
  /// Less than any score.
  private static final float NONE = -3.0e38f;

  /// Work-items that find a largest score: each looks at a 16th of them.
  private static final int LAST = 16;

  /// Work-items of a group.
  static final int THREADS = 256;

  /// Rows of a matrix that a group has.
  static final int ROWS = 2;

  /// Rows are normed on the way, `x[t] / rms(x[t]) * norm`: each group computes that for itself,
  /// since it has to read all of x anyway.
  static final int NORMED = 1;

  /// Only the last token's row is projected, and is the only one that comes out.
  static final int LAST_TOKEN = 2;

  /// What comes out is added to what is there.
  static final int ADD = 4;

  /// Weights are integers of 16 bits, with a scale for each row.
  static final int INT16 = 8;

  private Kernels() {}

  /// `y[t] = W x[t]`, some rows of one token for each group. Work-items lie side by side in memory,
  /// so that a load of theirs is one run of it, and each multiplies what it has of a token by all
  /// of the group's rows.
  ///
  /// @param norm of normed rows
  /// @param words W `[rows, columns]` with floats, as [DeviceMatrix] has them
  public static void project(
      KernelContext context,
      IntArray step,
      FloatArray x,
      FloatArray norm,
      IntArray words,
      FloatArray floats,
      FloatArray y,
      int rows,
      int columns,
      int flags,
      float epsilon) {
    int t = context.localIdx;
    int groups = (rows + ROWS - 1) / ROWS;
    int firstRow = context.groupIdx % groups * ROWS;
    int target = context.groupIdx / groups;
    int token = target;
    if ((flags & LAST_TOKEN) != 0) {
      token = TornadoMath.max(0, step.get(0) - 1);
    }
    float[] partial = context.allocateFloatLocalArray((ROWS + 1) * THREADS);
    float[] sums = new float[ROWS + 1]; // of each row, then of squares
    for (int i = 0; i <= ROWS; i++) {
      sums[i] = 0f;
    }
    for (int k = 0; k < (columns / 2 + THREADS - 1) / THREADS; k++) {
      int pair = TornadoMath.min(t + k * THREADS, columns / 2 - 1);
      float even = x.get(token * columns + 2 * pair);
      float odd = x.get(token * columns + 2 * pair + 1);
      if (t + k * THREADS >= columns / 2) {
        even = 0f;
        odd = 0f;
      }
      if ((flags & NORMED) != 0) {
        sums[ROWS] += even * even + odd * odd;
        even = even * norm.get(2 * pair);
        odd = odd * norm.get(2 * pair + 1);
      }
      for (int r = 0; r < ROWS; r++) {
        int at = TornadoMath.min(firstRow + r, rows - 1) * (columns / 2) + pair;
        if ((flags & INT16) != 0) {
          int word = words.get(at);
          sums[r] += ((word << 16) >> 16) * even + (word >> 16) * odd;
        } else {
          sums[r] += floats.get(2 * at) * even + floats.get(2 * at + 1) * odd;
        }
      }
    }
    for (int i = 0; i <= ROWS; i++) {
      partial[i * THREADS + t] = sums[i];
    }
    for (int stride = THREADS / 2; stride > 0; stride = stride / 2) {
      context.localBarrier();
      if (t < stride) {
        for (int i = 0; i <= ROWS; i++) {
          partial[i * THREADS + t] += partial[i * THREADS + t + stride];
        }
      }
    }
    context.localBarrier();
    int row = firstRow + t;
    if (t < ROWS && row < rows && target < step.get(0)) {
      float sum = partial[t * THREADS];
      if ((flags & NORMED) != 0) {
        sum = sum / TornadoMath.sqrt(partial[ROWS * THREADS] / columns + epsilon);
      }
      if ((flags & INT16) != 0) {
        sum = sum * floats.get(row);
      }
      if ((flags & ADD) != 0) {
        sum = sum + y.get(target * rows + row);
      }
      y.set(target * rows + row, sum);
    }
  }

  /// `y[t] = x[t] / rms(x[t]) * weight`, a work-group for each token.
  public static void norm(
      KernelContext context,
      IntArray step,
      FloatArray x,
      FloatArray weight,
      FloatArray y,
      int width,
      float epsilon) {
    int t = context.localIdx;
    int first = context.groupIdx * width;
    float[] partial = context.allocateFloatLocalArray(THREADS);
    float squares = 0f;
    for (int i = t; i < width; i += THREADS) {
      squares += x.get(first + i) * x.get(first + i);
    }
    partial[t] = squares;
    for (int stride = THREADS / 2; stride > 0; stride = stride / 2) {
      context.localBarrier();
      if (t < stride) {
        partial[t] += partial[t + stride];
      }
    }
    context.localBarrier();
    float scale = 1f / TornadoMath.sqrt(partial[0] / width + epsilon);
    if (context.groupIdx < step.get(0)) {
      for (int i = t; i < width; i += THREADS) {
        y.set(first + i, x.get(first + i) * scale * weight.get(i));
      }
    }
  }

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
      int kvHeads,
      int headDim,
      int positions,
      float epsilon) {
    int t = context.localIdx;
    int head = context.groupIdx % (heads + kvHeads);
    int token = context.groupIdx / (heads + kvHeads);
    int from = (token * (heads + 2 * kvHeads) + head) * headDim;
    float[] squares = context.allocateFloatLocalArray(headDim);
    float[] normed = context.allocateFloatLocalArray(headDim);
    float value = qkv.get(from + t);
    squares[t] = value * value;
    context.localBarrier();
    float sum = 0f;
    for (int i = 0; i < headDim; i++) {
      sum += squares[i];
    }
    float weight = keyNorm.get(t);
    if (head < heads) {
      weight = queryNorm.get(t);
    }
    normed[t] = value / TornadoMath.sqrt(sum / headDim + epsilon) * weight;
    context.localBarrier();
    int half = headDim / 2;
    // Tokens behind the last one are computed like it and written nowhere.
    int position = TornadoMath.min(step.get(1) + token, positions - 1);
    float cos = angles.get(position * headDim + t % half);
    float sin = angles.get(position * headDim + half + t % half);
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
            (keyHead * positions + position) * headDim + t, qkv.get(from + kvHeads * headDim + t));
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
      int kvHeads,
      int headDim,
      int positions,
      int threads) {
    int t = context.localIdx;
    int head = context.groupIdx % heads;
    int token = context.groupIdx / heads;
    int keyHead = head / (heads / kvHeads);
    float[] query = context.allocateFloatLocalArray(headDim);
    float[] partial = context.allocateFloatLocalArray(threads);
    float[] scores = context.allocateFloatLocalArray(threads / 4);
    float[] largestOf = context.allocateFloatLocalArray(LAST);
    if (t < headDim) {
      query[t] = qkv.get((token * (heads + 2 * kvHeads) + head) * headDim + t);
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
