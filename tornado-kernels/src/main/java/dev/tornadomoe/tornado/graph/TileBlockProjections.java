package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.TileKernels;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Blocks of many pairs, by groups that make a tile of the product each. One kernel is for gate and
/// up, and for down.
final class TileBlockProjections implements BlockProjections {
  private final LayerContext context;
  private final KernelActivation activation;
  private final Tuning tuning;

  TileBlockProjections(LayerContext context) {
    this.context = context;
    this.activation = KernelActivation.of(context.layer());
    this.tuning = context.tuning();
  }

  @Override
  public KernelCall gateUp(DeviceMatrix matrix, PairBlocks blocks, ProjectionRows rows) {
    return tile(
        GATE_UP,
        matrix.withFlags(activation.flags() | rows.factors().flags()),
        tuning.blockGateUp(),
        blocks,
        rows,
        context.pairs(),
        2);
  }

  /// A pair's row is the kernel's input here: it is as if each were of a token with one expert.
  @Override
  public KernelCall down(
      DeviceMatrix matrix, PairBlocks blocks, FloatArray activated, FloatArray target) {
    return tile(
        DOWN,
        matrix,
        tuning.blockDown(),
        blocks,
        new ProjectionRows(activated, Factors.none(context), target),
        new Pairs(context.pairs().count(), 1, 0),
        1);
  }

  /// @param matrices 2 for gate and up, 1 for down
  private KernelCall tile(
      String kind,
      DeviceMatrix matrix,
      GroupShape split,
      PairBlocks blocks,
      ProjectionRows rows,
      Pairs pairs,
      int matrices) {
    DeviceMatrix m = matrix.withFlags(split.flags());
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(blocks.most(), split.tiles(m.rows())),
        split.threads(),
        split.tileFloats(matrices, tuning.tokens()),
        (g, n) ->
            g.task(
                n,
                TileKernels::tile,
                context.kernel(),
                blocks.table(),
                blocks.order(),
                rows.factors().rows(),
                rows.input(),
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                rows.output(),
                pairs.topK(),
                pairs.extra(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                activation.limit(),
                activation.alpha(),
                tuning.tokens(),
                matrices));
  }
}
