package dev.tornadomoe.examples.decoder.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A decoder's norms and matrices. `step[0]` is M, `step[1]` the position of the first token;
/// numbers that never change are compiled in. Work-items that exchange something meet at barriers,
/// which never stand in a condition.
///
/// A work-group makes some rows of a projection, for all tokens: its work-items lie side by side in
/// memory, so that a load of theirs is one run of it, and each multiplies what it has of the tokens
/// by all of the group's rows.
public final class ProjectionKernels {
  /// Work-items of a group.
  static final int THREADS = 256;

  /// A projection's rows are normed on the way.
  static final int NORMED = 1;

  /// Only the last token's row is projected, and is the only one that comes out.
  static final int LAST_TOKEN = 2;

  /// What comes out is added to what is there.
  static final int ADD = 4;

  /// Weights are integers of 16 bits.
  static final int INT16 = 8;

  /// Work-items that end a sum, each with a 16th of it.
  private static final int LAST = 16;

  /// Scales of a row of integers.
  static final int SCALES = THREADS / LAST;

  private ProjectionKernels() {}

  /// Rows of a work-group: the more, the less often x is read; but small matrices need all groups
  /// that they can have, so that some compute while others wait for memory.
  ///
  /// @param tokens the most of a step
  static int rowsOfGroup(int rows, int tokens) {
    if (tokens > 1) {
      return 4;
    }
    return rows > 4096 ? 8 : 2;
  }

  /// Which of a row's scales a column has: work-items that lie side by side share one for all that
  /// they read.
  static int scale(int column) {
    return column / 2 % THREADS / LAST;
  }

  /// `y[t] = W x[t]` of rows as they are, or normed on the way, `x[t] / rms(x[t]) * norm`: each
  /// group computes that for itself, since it has to read all of x anyway.
  ///
  /// @param norm of normed rows
  /// @param words W `[rows, columns]` with floats, as [DeviceMatrix] has them
  /// @param tokens the most of a step
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
      int tokens,
      int n,
      int flags,
      float epsilon) {
    int t = context.localIdx;
    int sumsOfGroup = n * tokens;
    int firstRow = context.groupIdx * n;
    float[] partial = context.allocateFloatLocalArray((sumsOfGroup + tokens) * THREADS);
    float[] parts = context.allocateFloatLocalArray((sumsOfGroup + tokens) * LAST);
    int live = step.get(0);
    int from = 0;
    if ((flags & LAST_TOKEN) != 0) {
      from = TornadoMath.max(0, live - 1);
    }
    // What is needed at the end is on its way from the beginning.
    int ofToken = t % tokens;
    int ofRow = firstRow + t / tokens;
    float before = 0f;
    if ((flags & ADD) != 0) {
      before = y.get(ofToken * rows + TornadoMath.min(ofRow, rows - 1));
    }
    float[] scales = new float[n];
    for (int r = 0; r < n; r++) {
      scales[r] = 1f;
      if ((flags & INT16) != 0) {
        scales[r] = floats.get(TornadoMath.min(firstRow + r, rows - 1) * SCALES + t / LAST);
      }
    }
    float[] both = new float[2 * tokens];
    // Of each row and token, then each token's squares.
    float[] sums = new float[sumsOfGroup + tokens];
    for (int i = 0; i < sumsOfGroup + tokens; i++) {
      sums[i] = 0f;
    }
    for (int k = 0; k < (columns / 2 + THREADS - 1) / THREADS; k++) {
      int pair = TornadoMath.min(t + k * THREADS, columns / 2 - 1);
      for (int token = 0; token < tokens; token++) {
        int at = (from + token) * columns + 2 * pair;
        float even = x.get(at);
        float odd = x.get(at + 1);
        if (columns / 2 % THREADS != 0) {
          if (t + k * THREADS >= columns / 2) {
            even = 0f;
            odd = 0f;
          }
        }
        if ((flags & NORMED) != 0) {
          sums[sumsOfGroup + token] += even * even + odd * odd;
          even = even * norm.get(2 * pair);
          odd = odd * norm.get(2 * pair + 1);
        }
        both[2 * token] = even;
        both[2 * token + 1] = odd;
      }
      for (int r = 0; r < n; r++) {
        int at = TornadoMath.min(firstRow + r, rows - 1) * (columns / 2) + pair;
        float even = 0f;
        float odd = 0f;
        if ((flags & INT16) != 0) {
          int word = words.get(at);
          even = (word << 16) >> 16;
          odd = word >> 16;
        } else {
          even = floats.get(2 * at);
          odd = floats.get(2 * at + 1);
        }
        for (int token = 0; token < tokens; token++) {
          sums[r * tokens + token] += even * both[2 * token] + odd * both[2 * token + 1];
        }
      }
    }
    for (int i = 0; i < sumsOfGroup; i++) {
      partial[i * THREADS + t] = sums[i] * scales[i / tokens];
    }
    for (int i = sumsOfGroup; i < sumsOfGroup + tokens; i++) {
      partial[i * THREADS + t] = sums[i];
    }
    context.localBarrier();
    for (int i = t / LAST; i < sumsOfGroup + tokens; i += THREADS / LAST) {
      float part = 0f;
      for (int j = 0; j < THREADS / LAST; j++) {
        part += partial[i * THREADS + j * LAST + t % LAST];
      }
      parts[i * LAST + t % LAST] = part;
    }
    context.localBarrier();
    if (t < sumsOfGroup && ofRow < rows) {
      float sum = 0f;
      for (int i = 0; i < LAST; i++) {
        sum += parts[t * LAST + i];
      }
      if ((flags & NORMED) != 0) {
        float squares = 0f;
        for (int i = 0; i < LAST; i++) {
          squares += parts[(sumsOfGroup + ofToken) * LAST + i];
        }
        sum = sum / TornadoMath.sqrt(squares / columns + epsilon);
      }
      if (ofToken < live) {
        y.set(ofToken * rows + ofRow, before + sum);
      }
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
    int live = step.get(0);
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
      if (token < live && t + k * THREADS < width) {
        y.set(token * width + t + k * THREADS, values[k] * scale * weights[k]);
      }
    }
  }
}
