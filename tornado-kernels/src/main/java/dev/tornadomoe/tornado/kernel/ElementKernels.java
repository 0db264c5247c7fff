package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Kernels over the elements of rows `[M, width]`, a work-item for each. `call[0]` is M.
public final class ElementKernels {
  private ElementKernels() {}

  /// `target = source`
  public static void copy(
      KernelContext context, IntArray call, FloatArray source, FloatArray target, int width) {
    int item = context.globalIdx;
    if (item < call.get(0) * width) {
      target.set(item, source.get(item));
    }
  }

  /// `target += addend`
  public static void add(
      KernelContext context, IntArray call, FloatArray addend, FloatArray target, int width) {
    int item = context.globalIdx;
    if (item < call.get(0) * width) {
      target.set(item, target.get(item) + addend.get(item));
    }
  }

  /// `target = 0`
  public static void zero(KernelContext context, IntArray call, FloatArray target, int width) {
    int item = context.globalIdx;
    if (item < call.get(0) * width) {
      target.set(item, 0f);
    }
  }

  /// `target[t] = weights[t] * input[t]`
  public static void weightInput(
      KernelContext context,
      IntArray call,
      FloatArray weights,
      FloatArray input,
      FloatArray target,
      int width) {
    int item = context.globalIdx;
    if (item < call.get(0) * width) {
      target.set(item, weights.get(item / width) * input.get(item));
    }
  }

  /// What experts that return their input contribute: `target[t] = input[t] * sum over s of
  /// weights[t,s]`, where `ids[t,s]` is one of them.
  ///
  /// @param firstIdentity the router's expert from which on they are that
  public static void identities(
      KernelContext context,
      IntArray call,
      IntArray ids,
      FloatArray weights,
      FloatArray input,
      FloatArray target,
      int topK,
      int firstIdentity,
      int width) {
    int item = context.globalIdx;
    int token = item / width;
    if (token < call.get(0)) {
      float factor = 0f;
      for (int s = 0; s < topK; s++) {
        if (ids.get(token * topK + s) >= firstIdentity) {
          factor += weights.get(token * topK + s);
        }
      }
      // A token without such experts gets zeros even where its row is no number.
      float value = 0f;
      if (factor != 0f) {
        value = factor * input.get(item);
      }
      target.set(item, value);
    }
  }

  /// Fills all of an array, whatever M is, for sanitised runs.
  public static void fill(KernelContext context, FloatArray value, FloatArray target, int size) {
    if (context.globalIdx < size) {
      target.set(context.globalIdx, value.get(0));
    }
  }

  /// Weighting and sum over a token's pairs, plus addends: rows `[M, width]` from pairs `[M * (topK
  /// + extra), width]`. The `extra` pairs behind the k of the router are the shared expert's parts.
  public static void reduce(
      KernelContext context,
      IntArray call,
      IntArray ids,
      IntArray map,
      FloatArray weights,
      FloatArray pairs,
      FloatArray addend,
      FloatArray secondAddend,
      FloatArray target,
      int topK,
      int extra,
      int width,
      int flags) {
    int item = context.globalIdx;
    int token = item / width;
    if (token < call.get(0)) {
      int column = item % width;
      int slots = topK + extra;
      float sum = 0f;
      for (int s = 0; s < topK; s++) {
        if (map.get(ids.get(token * topK + s)) >= 0) {
          float y = pairs.get((token * slots + s) * width + column);
          if ((flags & Flags.WEIGHTED) != 0) {
            y *= weights.get(token * topK + s);
          }
          sum += y;
        }
      }
      for (int s = topK; s < slots; s++) {
        sum += pairs.get((token * slots + s) * width + column);
      }
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
