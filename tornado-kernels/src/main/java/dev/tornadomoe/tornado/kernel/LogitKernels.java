package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The router's logits, and the shared expert's gate as a row below them, or any small matrix:
/// `y[t] = W x[t] + b`, or the activation of that, rows from `rows` on to `rest[t]`. `call[0]` is
/// M. Weights are F32, one row after the other, each filled up to a multiple of 8 columns.
public final class LogitKernels {
  /// Work-items that end a row's sum.
  private static final int LAST = 16;

  private LogitKernels() {}

  /// A work-group for each token and row, for few tokens: there are more groups than with several
  /// rows for each, and each waits for memory once. Where there is neither bias nor gate nor
  /// activation: what enqueueing costs grows with the arrays that a kernel takes.
  ///
  /// @param threads of a work-group, a power of two and at least 16
  public static void plainLogits(
      KernelContext context,
      IntArray call,
      FloatArray x,
      FloatArray weights,
      FloatArray y,
      int rows,
      int columns,
      int threads) {
    int token = context.groupIdx / rows;
    int row = context.groupIdx % rows;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads);
    float[] parts = context.allocateFloatLocalArray(LAST);
    partial[t] = share(x, weights, token, row, t, columns, threads);
    context.localBarrier();
    if (t < LAST) {
      float part = 0f;
      for (int i = 0; i < threads / LAST; i++) {
        part += partial[t + i * LAST];
      }
      parts[t] = part;
    }
    context.localBarrier();
    if (t < 1 && token < call.get(0)) {
      float all = 0f;
      for (int i = 0; i < LAST; i++) {
        all += parts[i];
      }
      y.set(token * rows + row, all);
    }
  }

  /// The same of any router.
  ///
  /// @param allRows with the gate's
  public static void logits(
      KernelContext context,
      IntArray call,
      FloatArray x,
      FloatArray weights,
      FloatArray bias,
      FloatArray y,
      FloatArray rest,
      int rows,
      int allRows,
      int columns,
      int flags,
      int threads) {
    int token = context.groupIdx / allRows;
    int row = context.groupIdx % allRows;
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(threads);
    float[] parts = context.allocateFloatLocalArray(LAST);
    partial[t] = share(x, weights, token, row, t, columns, threads);
    context.localBarrier();
    if (t < LAST) {
      float part = 0f;
      for (int i = 0; i < threads / LAST; i++) {
        part += partial[t + i * LAST];
      }
      parts[t] = part;
    }
    context.localBarrier();
    if (t < 1 && token < call.get(0)) {
      float all = 0f;
      for (int i = 0; i < LAST; i++) {
        all += parts[i];
      }
      write(all, bias, y, rest, token, row, rows, flags);
    }
  }

  /// A work-item's share of a row's sum. Rows of tokens that are not there are summed as others
  /// are, and not written.
  private static float share(
      FloatArray x, FloatArray weights, int token, int row, int t, int columns, int threads) {
    float sum = 0f;
    for (int i = 0; i < (columns + threads - 1) / threads; i++) {
      int column = t + i * threads;
      if (columns % threads != 0) {
        column = TornadoMath.min(column, columns - 1);
      }
      float product = x.get(token * columns + column) * weights.get(at(row, column, columns));
      if (columns % threads != 0) {
        if (t + i * threads >= columns) {
          product = 0f;
        }
      }
      sum += product;
    }
    return sum;
  }

  /// The same with a work-group for some tokens and some blocks of 8 rows, for many tokens: what is
  /// loaded serves several of the other kind.
  ///
  /// @param flags with the group's, [Flags#group]
  /// @param tokens of a work-group; it has at least 8 work-items for each of them and each of its
  ///   blocks
  public static void tiledLogits(
      KernelContext context,
      IntArray call,
      FloatArray x,
      FloatArray weights,
      FloatArray bias,
      FloatArray y,
      FloatArray rest,
      int rows,
      int allRows,
      int columns,
      int flags,
      int tokens) {
    int threads = Flags.threads(flags);
    int n = Flags.rowsPerItem(flags);
    int groups = (allRows + 8 * n - 1) / (8 * n);
    int firstToken = context.groupIdx / groups * tokens;
    int firstRow = context.groupIdx % groups * (8 * n);
    int t = context.localIdx;
    float[] partial = context.allocateFloatLocalArray(tokens * n * threads);
    float[] parts = context.allocateFloatLocalArray(threads);
    int chunks = (columns + 7) / 8;
    int last = call.get(0) - 1;
    int live = 0;
    if (firstToken <= last) {
      live = chunks;
    }
    float[] ofRows = new float[8 * n];
    float[] sums = new float[tokens * n];
    for (int i = 0; i < tokens * n; i++) {
      sums[i] = 0f;
    }
    for (int chunk = t / 8; chunk < live; chunk += threads / 8) {
      for (int b = 0; b < n; b++) {
        // Rows behind the last one are computed as others are, and not written.
        int row = TornadoMath.min(firstRow + b * 8 + t % 8, allRows - 1);
        for (int j = 0; j < 8; j++) {
          ofRows[b * 8 + j] = weights.get(at(row, chunk * 8 + j, columns));
        }
      }
      for (int i = 0; i < tokens; i++) {
        // So are tokens.
        int from = TornadoMath.min(firstToken + i, last) * columns;
        for (int j = 0; j < 8; j++) {
          int column = chunk * 8 + j;
          if (columns % 8 != 0) {
            column = TornadoMath.min(column, columns - 1);
          }
          float value = x.get(from + column);
          if (columns % 8 != 0) {
            if (chunk * 8 + j >= columns) {
              value = 0f;
            }
          }
          for (int b = 0; b < n; b++) {
            sums[b * tokens + i] += ofRows[b * 8 + j] * value;
          }
        }
      }
    }
    for (int i = 0; i < tokens * n; i++) {
      partial[i * threads + t] = sums[i];
    }
    context.localBarrier();
    // Some values each, then what is left of each output by one work-item.
    int outputs = 8 * n * tokens;
    int perOutput = threads / outputs;
    float part = 0f;
    for (int i = 0; i < n * tokens; i++) {
      part += partial[t % outputs / 8 * threads + (t / outputs + i * perOutput) * 8 + t % 8];
    }
    parts[t] = part;
    context.localBarrier();
    int token = firstToken + t / 8 % tokens;
    int row = firstRow + t / (8 * tokens) * 8 + t % 8;
    if (t < outputs && token <= last && row < allRows) {
      float all = 0f;
      for (int i = 0; i < perOutput; i++) {
        all += parts[i * outputs + t];
      }
      write(all, bias, y, rest, token, row, rows, flags);
    }
  }

  /// The same with a work-item for each token and row: for CPUs.
  public static void logitsAlone(
      KernelContext context,
      IntArray call,
      FloatArray x,
      FloatArray weights,
      FloatArray bias,
      FloatArray y,
      FloatArray rest,
      int rows,
      int allRows,
      int columns,
      int flags) {
    int token = context.globalIdx / allRows;
    int row = context.globalIdx % allRows;
    if (token < call.get(0)) {
      float sum = 0f;
      for (int column = 0; column < columns; column++) {
        sum += x.get(token * columns + column) * weights.get(at(row, column, columns));
      }
      write(sum, bias, y, rest, token, row, rows, flags);
    }
  }

  /// Floats of local memory of a group for one token.
  public static int localFloats(int threads) {
    return threads + LAST;
  }

  private static int at(int row, int column, int columns) {
    return row * ((columns + 7) / 8 * 8) + column;
  }

  private static void write(
      float sum,
      FloatArray bias,
      FloatArray y,
      FloatArray rest,
      int token,
      int row,
      int rows,
      int flags) {
    float logit = sum;
    if ((flags & Flags.BIAS) != 0) {
      logit += bias.get(row);
    }
    if ((flags & Flags.ACTIVATED) != 0) {
      int function = (flags >> Flags.FUNCTION_SHIFT) & 7;
      logit = Activations.function(function, Float.MAX_VALUE, 1f, logit);
    }
    if (row < rows) {
      y.set(token * rows + row, logit);
    } else {
      rest.set(token, logit);
    }
  }
}
