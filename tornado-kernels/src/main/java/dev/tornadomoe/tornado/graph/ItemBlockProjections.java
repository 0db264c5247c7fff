package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.WorkItemKernels;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Blocks of pairs, by work-items that have rows of the matrix each.
final class ItemBlockProjections implements BlockProjections {
  private final LayerContext context;
  private final KernelActivation activation;
  private final Tuning tuning;

  ItemBlockProjections(LayerContext context) {
    this.context = context;
    this.activation = KernelActivation.of(context.layer());
    this.tuning = context.tuning();
  }

  @Override
  public KernelCall gateUp(DeviceMatrix matrix, PairBlocks blocks, ProjectionRows rows) {
    Pairs pairs = context.pairs();
    DeviceMatrix m = matrix.withFlags(activation.flags() | rows.factors().flags());
    return KernelCall.ofItems(
        GATE_UP,
        Math.multiplyExact(blocks.most(), m.rows()),
        (g, n) ->
            g.task(
                n,
                WorkItemKernels::blockGateUp,
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
                tuning.blockGateUp().rowsPerItem()));
  }

  @Override
  public KernelCall down(
      DeviceMatrix matrix, PairBlocks blocks, FloatArray activated, FloatArray target) {
    return KernelCall.ofItems(
        DOWN,
        Math.multiplyExact(blocks.most(), matrix.rows()),
        (g, n) ->
            g.task(
                n,
                WorkItemKernels::blockDown,
                context.kernel(),
                blocks.table(),
                blocks.order(),
                activated,
                matrix.words(),
                matrix.scales(),
                matrix.order(),
                matrix.bias(),
                target,
                matrix.columns(),
                matrix.rows(),
                matrix.groupSize(),
                matrix.flags(),
                tuning.tokens(),
                tuning.blockDown().rowsPerItem()));
  }
}
