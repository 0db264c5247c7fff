package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Norms of rows `[M, width]`, inside a layer and after it, and the sum before that at once.
/// `call[0]` is M. Where kernels work in groups, each has one token.
public final class NormKernels {
  private NormKernels() {}

  /// `target[t] = source[t] / sqrt(mean of source[t]^2 + epsilon) * weights`, a work-item for each
  /// token.
  public static void normRows(
      KernelContext context,
      IntArray call,
      FloatArray source,
      FloatArray weights,
      FloatArray target,
      float epsilon,
      int width) {
    int token = context.globalIdx;
    if (token < call.get(0)) {
      float squares = 0f;
      for (int c = 0; c < width; c++) {
        float value = source.get(token * width + c);
        squares += value * value;
      }
      float factor = 1f / TornadoMath.sqrt(squares / width + epsilon);
      for (int c = 0; c < width; c++) {
        target.set(token * width + c, source.get(token * width + c) * factor * weights.get(c));
      }
    }
  }

  /// The same, a work-group for each token.
  ///
  /// @param threads of a group, a power of two
  public static void norm(
      KernelContext context,
      IntArray call,
      FloatArray source,
      FloatArray weights,
      FloatArray target,
      float epsilon,
      int width,
      int threads) {
    int token = context.groupIdx;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads);
    // A work-group without a token has loops without rounds: no barrier stands inside a condition.
    int live = 0;
    if (token < call.get(0)) {
      live = width;
    }
    float squares = 0f;
    for (int c = t; c < live; c += threads) {
      float value = source.get(token * width + c);
      squares += value * value;
    }
    partial[t] = squares;
    context.localBarrier();
    for (int stride = threads / 2; stride > 0; stride = stride / 2) {
      if (t < stride) {
        partial[t] = partial[t] + partial[t + stride];
      }
      context.localBarrier();
    }
    float factor = 1f / TornadoMath.sqrt(partial[0] / width + epsilon);
    for (int c = t; c < live; c += threads) {
      target.set(token * width + c, source.get(token * width + c) * factor * weights.get(c));
    }
  }

  /// [#normRows] of rows that stay where they are: TornadoVM does not take an array twice.
  public static void normRowsInPlace(
      KernelContext context,
      IntArray call,
      FloatArray rows,
      FloatArray weights,
      float epsilon,
      int width) {
    int token = context.globalIdx;
    if (token < call.get(0)) {
      float squares = 0f;
      for (int c = 0; c < width; c++) {
        float value = rows.get(token * width + c);
        squares += value * value;
      }
      float factor = 1f / TornadoMath.sqrt(squares / width + epsilon);
      for (int c = 0; c < width; c++) {
        rows.set(token * width + c, rows.get(token * width + c) * factor * weights.get(c));
      }
    }
  }

  /// [#norm] of rows that stay where they are.
  ///
  /// @param threads of a group, a power of two
  public static void normInPlace(
      KernelContext context,
      IntArray call,
      FloatArray rows,
      FloatArray weights,
      float epsilon,
      int width,
      int threads) {
    int token = context.groupIdx;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads);
    int live = 0;
    if (token < call.get(0)) {
      live = width;
    }
    float squares = 0f;
    for (int c = t; c < live; c += threads) {
      float value = rows.get(token * width + c);
      squares += value * value;
    }
    partial[t] = squares;
    context.localBarrier();
    for (int stride = threads / 2; stride > 0; stride = stride / 2) {
      if (t < stride) {
        partial[t] = partial[t] + partial[t + stride];
      }
      context.localBarrier();
    }
    // Each work-item writes what it has read itself.
    float factor = 1f / TornadoMath.sqrt(partial[0] / width + epsilon);
    for (int c = t; c < live; c += threads) {
      rows.set(token * width + c, rows.get(token * width + c) * factor * weights.get(c));
    }
  }

  /// [ElementKernels#reduce] and [#norm] of what comes out.
  ///
  /// @param threads of a group, a power of two
  public static void reduceNorm(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray routerWeights,
      FloatArray pairs,
      FloatArray addend,
      FloatArray secondAddend,
      FloatArray sums,
      FloatArray weights,
      FloatArray target,
      int topK,
      int extra,
      int flags,
      float epsilon,
      int width,
      int threads) {
    int token = context.groupIdx;
    int t = context.localIdx;
    int slots = topK + extra;
    float[] partial = context.allocateFloatLocalArray(threads);
    int live = 0;
    if (token < call.get(0)) {
      live = width;
    }
    float squares = 0f;
    for (int c = t; c < live; c += threads) {
      float sum = 0f;
      for (int s = 0; s < topK; s++) {
        if (map.get(ids.get(token * topK + s)) >= 0) {
          float y = pairs.get((token * slots + s) * width + c);
          if ((flags & Flags.WEIGHTED) != 0) {
            y *= routerWeights.get(token * topK + s);
          }
          sum += y;
        }
      }
      for (int s = topK; s < slots; s++) {
        sum += pairs.get((token * slots + s) * width + c);
      }
      if ((flags & Flags.ADDEND) != 0) {
        sum += addend.get(token * width + c);
      }
      if ((flags & Flags.SECOND_ADDEND) != 0) {
        sum += secondAddend.get(token * width + c);
      }
      if ((flags & Flags.ACCUMULATE) != 0) {
        sum += sums.get(token * width + c);
      }
      sums.set(token * width + c, sum);
      squares += sum * sum;
    }
    partial[t] = squares;
    context.localBarrier();
    for (int stride = threads / 2; stride > 0; stride = stride / 2) {
      if (t < stride) {
        partial[t] = partial[t] + partial[t + stride];
      }
      context.localBarrier();
    }
    // Each work-item norms what it has written itself.
    float factor = 1f / TornadoMath.sqrt(partial[0] / width + epsilon);
    for (int c = t; c < live; c += threads) {
      target.set(token * width + c, sums.get(token * width + c) * factor * weights.get(c));
    }
  }
}
