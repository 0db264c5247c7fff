package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.WorkGroupKernels;
import dev.tornadomoe.tornado.kernel.WorkItemKernels;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The call of the kernel that multiplies by the router's matrix, `y = W x + b`.
final class RouterProjection {
  /// Up to here, one token at a time is faster.
  private static final int FEW_TOKENS = 32;

  /// Tokens that a work-group takes beyond, and how it is cut.
  private static final int TILE_TOKENS = 8;

  private static final GroupShape TILE = new GroupShape(256, 2);

  private final LayerContext context;

  RouterProjection(LayerContext context) {
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

  /// @param rows of the matrix whose products go to `y`; those below it go to `rest`
  KernelCall of(
      String kind, DeviceMatrix matrix, FloatArray input, FloatArray y, FloatArray rest, int rows) {
    boolean isTiled =
        context.hasGroups()
            && context.tokens() > FEW_TOKENS
            && TILE.threads() <= context.device().workGroup();
    int together = isTiled ? TILE_TOKENS : 1;
    // The router has few rows: alone, each group should be as wide as it can.
    GroupShape split =
        isTiled ? TILE : new GroupShape(context.device().threads(matrix.columns(), 1024), 1);
    DeviceMatrix m = matrix.withFlags(split.flags());
    KernelCall.Adder task =
        (g, n) ->
            g.task(
                n,
                context.hasGroups() ? WorkGroupKernels::project : WorkItemKernels::project,
                context.kernel(),
                context.call(),
                input,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                y,
                rest,
                rows,
                m.rows(),
                m.columns(),
                m.groupSize(),
                m.flags(),
                together);
    return context.hasGroups()
        ? KernelCall.ofGroups(
            kind,
            Math.multiplyExact(Math.ceilDiv(context.tokens(), together), split.groups(m.rows())),
            split.threads(),
            split.localFloats(1, together),
            task)
        : KernelCall.ofItems(kind, Math.multiplyExact(context.tokens(), m.rows()), task);
  }
}
