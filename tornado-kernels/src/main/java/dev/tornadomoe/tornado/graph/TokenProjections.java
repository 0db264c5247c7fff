package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.RoutedKernels;
import dev.tornadomoe.tornado.kernel.WorkGroupKernels;
import dev.tornadomoe.tornado.kernel.WorkItemKernels;
import dev.tornadomoe.tornado.tuning.GroupShape;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of the kernels that read experts' weights for one token at a time. Both shapes' kernels
/// take the same arguments; grids and work-groups differ.
final class TokenProjections {
  private final LayerContext context;
  private final KernelActivation activation;
  private final SpanProjections spans;

  /// @param activation of the experts whose projections they are
  TokenProjections(LayerContext context, KernelActivation activation) {
    this.context = context;
    this.activation = activation;
    this.spans = new SpanProjections(context, activation);
  }

  /// What gate and up select experts by.
  ///
  /// @param logits of the router
  /// @param constants of the layer
  /// @param weights what they write the chosen experts' weights to
  /// @param flags how
  record Routing(FloatArray logits, FloatArray constants, FloatArray weights, int flags) {}

  /// @param ids `[M, k]`, the chosen experts
  KernelCall gateUp(
      String kind, DeviceExperts part, IntArray ids, ProjectionRows rows, Pairs pairs) {
    if (spans.suit(part)) {
      return spans.gateUp(kind, part, ids, rows, pairs);
    }
    GroupShape split = context.tuning().gateUp();
    DeviceMatrix m =
        part.gateUp()
            .withFlags(
                activation.flags()
                    | rows.factors().flags()
                    | elsewhere(part, pairs)
                    | split.flags());
    KernelCall.Adder task =
        (g, n) ->
            g.task(
                n,
                context.hasGroups() ? WorkGroupKernels::gateUp : WorkItemKernels::gateUp,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                rows.factors().rows(),
                rows.input(),
                m.words(),
                m.scales(),
                m.order(),
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
    return call(kind, m, split, 2, pairs.count(), task);
  }

  /// Selection, gate and up in one, in groups alone.
  ///
  /// @param ids `[M, k]`, what it writes the chosen experts to
  KernelCall routedGateUp(DeviceExperts part, Routing routing, IntArray ids, ProjectionRows rows) {
    GroupShape split = context.tuning().gateUp();
    Pairs pairs = context.pairs();
    DeviceMatrix m =
        part.gateUp()
            .withFlags(
                activation.flags() | rows.factors().flags() | routing.flags() | split.flags());
    return KernelCall.ofGroups(
        "routedGateUp",
        Math.multiplyExact(pairs.count(), split.groups(m.rows())),
        split.threads(),
        split.localFloats(2, 1) + 2 * part.experts() + pairs.topK(),
        (g, n) ->
            g.task(
                n,
                RoutedKernels::routedGateUp,
                context.kernel(),
                context.call(),
                routing.logits(),
                routing.constants(),
                ids,
                routing.weights(),
                rows.factors().rows(),
                rows.input(),
                m.words(),
                m.scales(),
                m.order(),
                m.bias(),
                rows.output(),
                pairs.topK(),
                pairs.extra(),
                part.experts(),
                m.columns(),
                m.rows(),
                m.groupSize(),
                m.flags()));
  }

  /// @param ids `[M, k]`, the chosen experts
  KernelCall down(String kind, DeviceExperts part, IntArray ids, DownRows rows, Pairs pairs) {
    if (spans.suit(part)) {
      return spans.down(kind, part, ids, rows, pairs);
    }
    GroupShape split = context.tuning().down();
    DeviceMatrix m =
        part.down()
            .withFlags(
                rows.addends().flags()
                    | rows.factors().flags()
                    | elsewhere(part, pairs)
                    | split.flags());
    KernelCall.Adder task =
        (g, n) ->
            g.task(
                n,
                context.hasGroups() ? WorkGroupKernels::down : WorkItemKernels::down,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                rows.factors().rows(),
                rows.activated(),
                m.words(),
                m.scales(),
                m.order(),
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
                m.flags());
    return call(kind, m, split, 1, pairs.tokens(), task);
  }

  /// @param matrices that it multiplies by
  /// @param outputs rows that it writes
  private KernelCall call(
      String kind,
      DeviceMatrix m,
      GroupShape split,
      int matrices,
      int outputs,
      KernelCall.Adder task) {
    return context.hasGroups()
        ? KernelCall.ofGroups(
            kind,
            Math.multiplyExact(outputs, split.groups(m.rows())),
            split.threads(),
            split.localFloats(matrices, 1),
            task)
        : KernelCall.ofItems(kind, Math.multiplyExact(outputs, m.rows()), task);
  }

  static int elsewhere(DeviceExperts part, Pairs pairs) {
    return part.extra() < pairs.extra() ? Flags.EXTRA_ELSEWHERE : 0;
  }
}
