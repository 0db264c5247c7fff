package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.LogitKernels;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The call of the kernel that multiplies by the router's matrix, by one of its MLP's, or by one of
/// the projections around experts with rows of another size, `y = W x + b`.
final class DenseProjection {
  /// Up to here, one token at a time is faster.
  private static final int FEW_TOKENS = 32;

  /// Tokens that a work-group takes beyond, and how it is cut.
  private static final int TILE_TOKENS = 8;

  private static final GroupShape TILE = new GroupShape(256, 2);

  private final LayerContext context;

  DenseProjection(LayerContext context) {
    this.context = context;
  }

  /// @param matrix the router, and below it the shared expert's gate if there is one
  /// @param logits of the router
  /// @param sharedLogits of the rows below it, another array: one that a task writes must not be
  ///   given to it twice
  KernelCall of(
      String kind,
      DeviceMatrix matrix,
      FloatArray input,
      FloatArray logits,
      FloatArray sharedLogits) {
    return of(kind, matrix, input, logits, sharedLogits, context.weights().routerRows());
  }

  /// Of a matrix by itself.
  KernelCall alone(String kind, DeviceMatrix matrix, FloatArray input, FloatArray y) {
    FloatArray none = context.arrays().floats(KernelArray.NO_LOGITS);
    return of(kind, matrix, input, y, none, matrix.rows());
  }

  /// @param rows of the matrix whose products go to `y`; those below it go to `rest`
  private KernelCall of(
      String kind, DeviceMatrix matrix, FloatArray input, FloatArray y, FloatArray rest, int rows) {
    int outputs = Math.multiplyExact(context.tokens(), matrix.rows());
    if (!context.hasGroups()) {
      return KernelCall.ofItems(
          kind,
          outputs,
          (g, n) ->
              g.task(
                  n,
                  LogitKernels::logitsAlone,
                  context.kernel(),
                  context.call(),
                  input,
                  matrix.scales(),
                  matrix.bias(),
                  y,
                  rest,
                  rows,
                  matrix.rows(),
                  matrix.columns(),
                  matrix.flags()));
    }
    return context.tokens() > FEW_TOKENS && fitsTile()
        ? tiled(kind, matrix.withFlags(TILE.flags()), input, y, rest, rows)
        : few(kind, matrix, input, y, rest, rows);
  }

  private boolean fitsTile() {
    return TILE.threads() <= context.device().workGroup()
        && TILE.localFloats(1, TILE_TOKENS) * 4L <= context.device().localBytes();
  }

  private KernelCall few(
      String kind, DeviceMatrix m, FloatArray input, FloatArray y, FloatArray rest, int rows) {
    int threads = context.device().threads(m.columns());
    boolean isPlain = m.rows() == rows && (m.flags() & (Flags.BIAS | Flags.ACTIVATED)) == 0;
    KernelCall.Adder plain =
        (g, n) ->
            g.task(
                n,
                LogitKernels::plainLogits,
                context.kernel(),
                context.call(),
                input,
                m.scales(),
                y,
                m.rows(),
                m.columns(),
                threads);
    KernelCall.Adder any =
        (g, n) ->
            g.task(
                n,
                LogitKernels::logits,
                context.kernel(),
                context.call(),
                input,
                m.scales(),
                m.bias(),
                y,
                rest,
                rows,
                m.rows(),
                m.columns(),
                m.flags(),
                threads);
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(context.tokens(), m.rows()),
        threads,
        LogitKernels.localFloats(threads),
        isPlain ? plain : any);
  }

  private KernelCall tiled(
      String kind, DeviceMatrix m, FloatArray input, FloatArray y, FloatArray rest, int rows) {
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(Math.ceilDiv(context.tokens(), TILE_TOKENS), TILE.groups(m.rows())),
        TILE.threads(),
        TILE.localFloats(1, TILE_TOKENS),
        (g, n) ->
            g.task(
                n,
                LogitKernels::tiledLogits,
                context.kernel(),
                context.call(),
                input,
                m.scales(),
                m.bias(),
                y,
                rest,
                rows,
                m.rows(),
                m.columns(),
                m.flags(),
                TILE_TOKENS));
  }
}
