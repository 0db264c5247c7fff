package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.SpanBlocks;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Blocks of few pairs, by groups that read weights by spans. One kernel is for gate and up, and
/// for down.
final class SpanBlockProjections implements BlockProjections {
  private final LayerContext context;
  private final KernelActivation activation;
  private final Tuning tuning;

  SpanBlockProjections(LayerContext context) {
    this.context = context;
    this.activation = KernelActivation.of(context.layer());
    this.tuning = context.tuning();
  }

  /// Whether the kernel can compute both projections of blocks of this size.
  static boolean suit(LayerContext context) {
    DeviceExperts part = context.weights().parts().getFirst();
    int tokens = context.tuning().tokens();
    return part.gateUp().storage().hasSpanBlocks(context.device(), 2, tokens)
        && part.down().storage().hasSpanBlocks(context.device(), 1, tokens);
  }

  @Override
  public KernelCall gateUp(DeviceMatrix matrix, PairBlocks blocks, ProjectionRows rows) {
    return project(
        GATE_UP,
        matrix.withFlags(activation.flags() | rows.factors().flags()),
        blocks,
        rows,
        context.pairs(),
        2);
  }

  /// A pair's row is the kernel's input here: it is as if each were of a token with one expert.
  @Override
  public KernelCall down(
      DeviceMatrix matrix, PairBlocks blocks, FloatArray activated, FloatArray target) {
    return project(
        DOWN,
        matrix,
        blocks,
        new ProjectionRows(activated, Factors.none(context), target),
        new Pairs(context.pairs().count(), 1, 0),
        1);
  }

  /// @param matrices 2 for gate and up, 1 for down
  private KernelCall project(
      String kind,
      DeviceMatrix matrix,
      PairBlocks blocks,
      ProjectionRows rows,
      Pairs pairs,
      int matrices) {
    DeviceMatrix m = matrix.withFlags(Flags.rows(matrix.storage().rowsOfSpan(matrices)));
    int groups = Math.ceilDiv(m.rows(), SpanBlocks.rowsOfGroup(m.columns(), m.flags()));
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(blocks.most(), groups),
        SpanBlocks.threads(m.columns(), m.flags()),
        SpanBlocks.localFloats(m.columns(), m.flags(), tuning.tokens(), matrices),
        (g, n) ->
            g.task(
                n,
                SpanBlocks::spanBlock,
                context.kernel(),
                blocks.table(),
                blocks.order(),
                rows.factors().rows(),
                rows.input(),
                m.words(),
                m.scales(),
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
