package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.BlockKernels;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Blocks of few pairs, by groups that sum through local memory as for one token.
final class GroupBlockProjections implements BlockProjections {
  private final LayerContext context;
  private final KernelActivation activation;
  private final Tuning tuning;

  GroupBlockProjections(LayerContext context) {
    this.context = context;
    this.activation = KernelActivation.of(context.layer());
    this.tuning = context.tuning();
  }

  @Override
  public KernelCall gateUp(DeviceMatrix matrix, PairBlocks blocks, ProjectionRows rows) {
    GroupShape split = tuning.blockGateUp();
    Pairs pairs = context.pairs();
    DeviceMatrix m = matrix.withFlags(activation.flags() | rows.factors().flags() | split.flags());
    return KernelCall.ofGroups(
        GATE_UP,
        Math.multiplyExact(blocks.most(), split.groups(m.rows())),
        split.threads(),
        split.localFloats(2, tuning.tokens()),
        (g, n) ->
            g.task(
                n,
                BlockKernels::blockGateUp,
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
                tuning.tokens()));
  }

  @Override
  public KernelCall down(
      DeviceMatrix matrix, PairBlocks blocks, FloatArray activated, FloatArray target) {
    GroupShape split = tuning.blockDown();
    DeviceMatrix m = matrix.withFlags(split.flags());
    return KernelCall.ofGroups(
        DOWN,
        Math.multiplyExact(blocks.most(), split.groups(m.rows())),
        split.threads(),
        split.localFloats(1, tuning.tokens()),
        (g, n) ->
            g.task(
                n,
                BlockKernels::blockDown,
                context.kernel(),
                blocks.table(),
                blocks.order(),
                activated,
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                target,
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                tuning.tokens()));
  }
}
