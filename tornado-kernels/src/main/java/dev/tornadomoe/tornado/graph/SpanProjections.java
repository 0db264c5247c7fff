package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.SpanDown;
import dev.tornadomoe.tornado.kernel.SpanGateUp;
import dev.tornadomoe.tornado.kernel.SpanMappedGateUp;
import dev.tornadomoe.tornado.kernel.Spans;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of [SpanGateUp] or [SpanMappedGateUp], and of [SpanDown], in the form with the fewest
/// arrays.
final class SpanProjections {
  private final LayerContext context;
  private final KernelActivation activation;

  SpanProjections(LayerContext context, KernelActivation activation) {
    this.context = context;
    this.activation = activation;
  }

  /// Whether these kernels can compute both projections: one writes activations as the other reads
  /// them. The device needs work-groups, one with a work-item for each span of H and local memory
  /// for a token's activations, and the weights [dev.tornadomoe.tornado.weights.Storage#hasSpans].
  boolean suit(DeviceExperts part) {
    DeviceMatrix gateUp = part.gateUp();
    if (!context.hasGroups() || !gateUp.storage().hasSpans() || !part.down().storage().hasSpans()) {
      return false;
    }
    int flags = gateUp.flags() | Flags.rows(gateUp.storage().rowsOfSpan(2));
    return SpanGateUp.threadsOfGateUp(gateUp.columns(), flags)
            <= Math.min(Spans.MOST_THREADS, context.device().workGroup())
        && SpanGateUp.localFloats(gateUp.columns(), flags) * 4L <= context.device().localBytes();
  }

  private int downThreads(DeviceMatrix m, Pairs pairs) {
    int items = Math.multiplyExact(Flags.lanes(m.flags()) * m.spans(), pairs.ofToken());
    int most =
        (int) Math.min(Spans.MOST_THREADS, context.device().workGroup()) / Spans.WAVE * Spans.WAVE;
    int inRound = Math.ceilDiv(items, Math.ceilDiv(items, most));
    return Math.ceilDiv(inRound, Spans.WAVE) * Spans.WAVE;
  }

  /// Groups that so many rows take.
  private static int groups(DeviceMatrix m, int rows) {
    return Math.ceilDiv(m.rows(), Flags.lanes(m.flags()) * rows);
  }

  private static int partsFloats(DeviceMatrix m, int vectors) {
    return vectors * Flags.lanes(m.flags()) * (Spans.MOST_PARTS + 1);
  }

  private int inOrder() {
    boolean isInOrder =
        context.weights().parts().size() == 1
            && IntStream.range(0, context.layer().globalExperts())
                .allMatch(e -> context.layer().experts().map().localOf(e) == e);
    return isInOrder ? Flags.IN_ORDER : 0;
  }

  KernelCall gateUp(
      String kind, DeviceExperts part, IntArray ids, ProjectionRows rows, Pairs pairs) {
    int n = part.gateUp().storage().rowsOfSpan(2);
    DeviceMatrix m =
        part.gateUp()
            .withFlags(
                activation.flags()
                    | rows.factors().flags()
                    | TokenProjections.elsewhere(part, pairs)
                    | Flags.rows(n)
                    | inOrder());
    int threads = SpanGateUp.threadsOfGateUp(m.columns(), m.flags());
    boolean isUsual =
        (m.flags() & Flags.IN_ORDER) != 0
            && pairs.extra() == 0
            && rows.factors().flags() == 0
            && (m.flags() & Flags.BIAS) == 0;
    KernelCall.Adder usual =
        (g, name) ->
            g.task(
                name,
                SpanGateUp::gateUp,
                context.kernel(),
                context.call(),
                ids,
                rows.input(),
                m.words(),
                m.scales(),
                rows.output(),
                pairs.topK(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                activation.limit(),
                activation.alpha());
    KernelCall.Adder any =
        (g, name) ->
            g.task(
                name,
                SpanMappedGateUp::mappedGateUp,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                rows.factors().rows(),
                rows.input(),
                m.words(),
                m.scales(),
                m.bias(),
                rows.output(),
                pairs.topK(),
                pairs.extra(),
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                activation.limit(),
                activation.alpha());
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(pairs.count(), groups(m, n)),
        threads,
        SpanGateUp.localFloats(m.columns(), m.flags()),
        isUsual ? usual : any);
  }

  KernelCall down(String kind, DeviceExperts part, IntArray ids, DownRows rows, Pairs pairs) {
    int n = part.down().storage().rowsOfSpan(1);
    DeviceMatrix m =
        part.down()
            .withFlags(
                rows.addends().flags()
                    | rows.factors().flags()
                    | TokenProjections.elsewhere(part, pairs)
                    | Flags.rows(n)
                    | inOrder());
    int threads = downThreads(m, pairs);
    boolean isUsual =
        (m.flags() & Flags.IN_ORDER) != 0
            && pairs.extra() == 0
            && (m.flags() & (Flags.BIAS | Flags.ADDEND | Flags.SECOND_ADDEND)) == 0;
    KernelCall.Adder usual =
        (g, name) ->
            g.task(
                name,
                SpanDown::down,
                context.kernel(),
                context.call(),
                ids,
                rows.factors().rows(),
                rows.activated(),
                m.words(),
                m.scales(),
                rows.target(),
                pairs.topK(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                threads);
    KernelCall.Adder any =
        (g, name) ->
            g.task(
                name,
                SpanDown::mappedDown,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                rows.factors().rows(),
                rows.activated(),
                m.words(),
                m.scales(),
                m.bias(),
                rows.addends().first(),
                rows.addends().second(),
                rows.target(),
                pairs.topK(),
                pairs.extra(),
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags(),
                threads);
    return KernelCall.ofGroups(
        kind,
        Math.multiplyExact(pairs.tokens(), groups(m, n)),
        threads,
        n * threads + partsFloats(m, n),
        isUsual ? usual : any);
  }
}
