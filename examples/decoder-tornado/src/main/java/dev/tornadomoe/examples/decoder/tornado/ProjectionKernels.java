package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A decoder's norms and matrices. `step[0]` is M, `step[1]` the position of the first token;
/// numbers that never change are compiled in. Work-items that exchange something meet at barriers,
/// which never stand in a condition.
public final class ProjectionKernels {
  /// Work-items of a group.
  static final int THREADS = 256;

  /// Work-items that end a sum, each with a 16th of it.
  private static final int LAST = 16;

  /// Rows are normed on the way, `x[t] / rms(x[t]) * norm`: each group computes that for itself,
  /// since it has to read all of x anyway.
  static final int NORMED = 1;

  /// Only the last token's row is projected, and is the only one that comes out.
  static final int LAST_TOKEN = 2;

  /// What comes out is added to what is there.
  static final int ADD = 4;

  /// Weights are integers of 16 bits, with a scale for each row.
  static final int INT16 = 8;

  private ProjectionKernels() {}

  /// Rows of a work-group: the more, the less often x is read; but small matrices need all groups
  /// that they can have, so that some compute while others wait for memory.
  static int rowsOfGroup(int rows) {
    return rows > 4096 ? 8 : 2;
  }

  /// `y[t] = W x[t]`, some rows of one token for each group. Work-items lie side by side in memory,
  /// so that a load of theirs is one run of it, and each multiplies what it has of a token by all
  /// of the group's rows.
  ///
  /// @param norm of normed rows
  /// @param words W `[rows, columns]` with floats, as [DeviceMatrix] has them
  /// @param n rows of a work-group
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
      int n,
      int flags,
      float epsilon) {
    int t = context.localIdx;
    int groups = (rows + n - 1) / n;
    int firstRow = context.groupIdx % groups * n;
    int token = context.groupIdx / groups;
    int target = token;
    int live = step.get(0);
    if ((flags & LAST_TOKEN) != 0) {
      token = TornadoMath.max(0, live - 1);
    }
    // What is needed at the end is on its way from the beginning.
    int row = TornadoMath.min(firstRow + t % n, rows - 1);
    float before = 0f;
    if ((flags & ADD) != 0) {
      before = y.get(target * rows + row);
    }
    float scale = 1f;
    if ((flags & INT16) != 0) {
      scale = floats.get(row);
    }
    float[] partial = context.allocateFloatLocalArray((n + 1) * THREADS);
    float[] parts = context.allocateFloatLocalArray((n + 1) * LAST);
    float[] sums = new float[n + 1]; // of each row, then of squares
    for (int i = 0; i <= n; i++) {
      sums[i] = 0f;
    }
    for (int k = 0; k < (columns / 2 + THREADS - 1) / THREADS; k++) {
      int pair = TornadoMath.min(t + k * THREADS, columns / 2 - 1);
      float even = x.get(token * columns + 2 * pair);
      float odd = x.get(token * columns + 2 * pair + 1);
      if (columns / 2 % THREADS != 0) {
        if (t + k * THREADS >= columns / 2) {
          even = 0f;
          odd = 0f;
        }
      }
      if ((flags & NORMED) != 0) {
        sums[n] += even * even + odd * odd;
        even = even * norm.get(2 * pair);
        odd = odd * norm.get(2 * pair + 1);
      }
      for (int r = 0; r < n; r++) {
        int at = TornadoMath.min(firstRow + r, rows - 1) * (columns / 2) + pair;
        float evenWeight = 0f;
        float oddWeight = 0f;
        if ((flags & INT16) != 0) {
          int word = words.get(at);
          evenWeight = (word << 16) >> 16;
          oddWeight = word >> 16;
        } else {
          evenWeight = floats.get(2 * at);
          oddWeight = floats.get(2 * at + 1);
        }
        sums[r] += evenWeight * even + oddWeight * odd;
      }
    }
    for (int i = 0; i <= n; i++) {
      partial[i * THREADS + t] = sums[i];
    }
    context.localBarrier();
    for (int i = t / LAST; i <= n; i += THREADS / LAST) {
      float part = 0f;
      for (int j = 0; j < THREADS / LAST; j++) {
        part += partial[i * THREADS + j * LAST + t % LAST];
      }
      parts[i * LAST + t % LAST] = part;
    }
    context.localBarrier();
    if (t < n && firstRow + t < rows && token < live) {
      float sum = 0f;
      float squares = 0f;
      for (int i = 0; i < LAST; i++) {
        sum += parts[t * LAST + i];
        squares += parts[n * LAST + i];
      }
      if ((flags & NORMED) != 0) {
        sum = sum / TornadoMath.sqrt(squares / columns + epsilon);
      }
      y.set(target * rows + row, before + sum * scale);
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
    int token = context.groupIdx;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(THREADS);
    float[] parts = context.allocateFloatLocalArray(LAST);
    int rounds = (width + THREADS - 1) / THREADS;
    float[] values = new float[rounds];
    float[] weights = new float[rounds];
    float squares = 0f;
    for (int k = 0; k < rounds; k++) {
      int i = TornadoMath.min(t + k * THREADS, width - 1);
      values[k] = x.get(token * width + i);
      weights[k] = weight.get(i);
      if (t + k * THREADS < width) {
        squares += values[k] * values[k];
      }
    }
    partial[t] = squares;
    context.localBarrier();
    if (t < LAST) {
      float part = 0f;
      for (int i = 0; i < THREADS / LAST; i++) {
        part += partial[i * LAST + t];
      }
      parts[t] = part;
    }
    context.localBarrier();
    float sum = 0f;
    for (int i = 0; i < LAST; i++) {
      sum += parts[i];
    }
    float scale = 1f / TornadoMath.sqrt(sum / width + epsilon);
    for (int k = 0; k < rounds; k++) {
      int i = t + k * THREADS;
      if (token < step.get(0) && i < width) {
        y.set(token * width + i, values[k] * scale * weights[k]);
      }
    }
  }
}
