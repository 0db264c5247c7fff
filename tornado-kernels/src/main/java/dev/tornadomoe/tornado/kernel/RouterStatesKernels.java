package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A router that is an MLP goes on from the states of the layer before, leaves its own in their
/// place, and norms them: of rows and states `[M, width]`
///
/// - `states[t] = rows[t] + scale * states[t]`, or `rows[t]` where it needs none;
/// - `rows[t] = states[t] / sqrt(mean of states[t]^2 + epsilon) * weights`.
///
/// `call[0]` is M.
public final class RouterStatesKernels {
  private RouterStatesKernels() {}

  /// A work-item for each token: for CPUs.
  ///
  /// @param goesOn 1 where it needs the states of the layer before, else 0
  public static void goOnRows(
      KernelContext context,
      IntArray call,
      FloatArray rows,
      FloatArray states,
      FloatArray scale,
      FloatArray weights,
      float epsilon,
      int goesOn,
      int width) {
    int token = context.globalIdx;
    if (token < call.get(0)) {
      float squares = 0f;
      for (int c = 0; c < width; c++) {
        float value = rows.get(token * width + c);
        if (goesOn != 0) {
          value += states.get(token * width + c) * scale.get(c);
        }
        states.set(token * width + c, value);
        squares += value * value;
      }
      float factor = 1f / TornadoMath.sqrt(squares / width + epsilon);
      for (int c = 0; c < width; c++) {
        rows.set(token * width + c, states.get(token * width + c) * factor * weights.get(c));
      }
    }
  }

  /// The same, a work-group for each token.
  ///
  /// @param threads of a group, a power of two
  public static void goOn(
      KernelContext context,
      IntArray call,
      FloatArray rows,
      FloatArray states,
      FloatArray scale,
      FloatArray weights,
      float epsilon,
      int goesOn,
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
      float value = rows.get(token * width + c);
      if (goesOn != 0) {
        value += states.get(token * width + c) * scale.get(c);
      }
      states.set(token * width + c, value);
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
    // Each work-item norms what it has written itself.
    float factor = 1f / TornadoMath.sqrt(partial[0] / width + epsilon);
    for (int c = t; c < live; c += threads) {
      rows.set(token * width + c, states.get(token * width + c) * factor * weights.get(c));
    }
  }
}
