package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.tornado.kernel.GroupingKernels;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of experts that take the pairs sorted by expert, in blocks. Where the experts lie in
/// several parts, the blocks are each part's own: each is sorted, activated and projected in turn,
/// when all steps are known.
final class GroupedCalls {
  private static final String GROUP = "group";

  /// The most pairs that one work-group sorts, each compared with all others. With more, sorting
  /// takes longer than the groups of empty blocks do that it saves.
  private static final int FEW_PAIRS = 128;

  private final LayerContext context;
  private final RouterCalls router;
  private final List<DeviceExperts> parts;
  private final BlockProjections projections;
  private RouteOperation.@Nullable GroupByExpert heldGrouping;
  private ExpertOperation.@Nullable GroupedGateUp heldGateUp;

  GroupedCalls(LayerContext context, RouterCalls router) {
    this.context = context;
    this.router = router;
    this.parts = context.weights().parts();
    this.projections = BlockProjections.of(context);
  }

  List<KernelCall> group(RouteOperation.GroupByExpert op) {
    if (parts.size() > 1) {
      heldGrouping = op;
      return List.of();
    }
    return List.of(group(op, parts.getFirst()));
  }

  private int mostBlocks() {
    int pairs = context.pairs().count();
    int most = context.steps().mostBlocks(pairs, context.tuning().tokens());
    return isFew() ? Math.min(pairs, most) : most;
  }

  /// Whether one work-group sorts all pairs.
  private boolean isFew() {
    return context.hasGroups() && context.pairs().count() <= FEW_PAIRS;
  }

  private KernelCall group(RouteOperation.GroupByExpert op, DeviceExperts part) {
    return isFew() ? groupFew(op, part) : groupMany(op, part);
  }

  private KernelCall groupFew(RouteOperation.GroupByExpert op, DeviceExperts part) {
    Pairs pairs = context.pairs();
    int threads = context.device().threads(pairs.count());
    IntArray ids = context.ints(op.ids());
    IntArray order = context.ints(op.order());
    IntArray table = context.ints(op.offsets());
    return KernelCall.ofGroups(
        GROUP,
        1,
        threads,
        3 * pairs.count(),
        (g, n) ->
            g.task(
                n,
                GroupingKernels::groupFew,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                order,
                table,
                pairs.topK(),
                pairs.ofToken(),
                part.extra(),
                part.experts(),
                context.tuning().tokens(),
                mostBlocks(),
                threads,
                pairs.count()));
  }

  private KernelCall groupMany(RouteOperation.GroupByExpert op, DeviceExperts part) {
    Pairs pairs = context.pairs();
    boolean isShared = context.hasGroups();
    int threads =
        isShared
            ? context.device().threads(Math.multiplyExact(pairs.tokens(), pairs.topK()) / 16)
            : 0;
    int experts = part.experts() + part.extra();
    IntArray ids = context.ints(op.ids());
    IntArray order = context.ints(op.order());
    IntArray table = context.ints(op.offsets());
    KernelCall.Adder task =
        (g, n) ->
            g.task(
                n,
                isShared ? GroupingKernels::group : GroupingKernels::groupAlone,
                context.kernel(),
                context.call(),
                ids,
                part.map(),
                order,
                table,
                pairs.topK(),
                pairs.ofToken(),
                part.extra(),
                part.experts(),
                context.tuning().tokens(),
                mostBlocks(),
                threads);
    return isShared
        ? KernelCall.ofGroups(GROUP, experts, threads, 2 * threads, task)
        : KernelCall.ofItems(GROUP, experts, task);
  }

  List<KernelCall> gateUp(ExpertOperation.GroupedGateUp op) {
    if (parts.size() > 1) {
      heldGateUp = op;
      return List.of();
    }
    return List.of(gateUp(op, parts.getFirst()));
  }

  private KernelCall gateUp(ExpertOperation.GroupedGateUp op, DeviceExperts part) {
    return projections.gateUp(
        part.gateUp(),
        new PairBlocks(context.ints(op.offsets()), context.ints(op.order()), mostBlocks()),
        new ProjectionRows(
            context.floats(op.input()), router.expertFactors(), context.floats(op.activated())));
  }

  List<KernelCall> down(ExpertOperation.GroupedDown op) {
    List<KernelCall> calls = new ArrayList<>();
    for (DeviceExperts part : parts) {
      if (heldGateUp != null && heldGrouping != null) {
        calls.add(group(heldGrouping, part));
        calls.add(gateUp(heldGateUp, part));
      }
      calls.add(
          projections.down(
              part.down(),
              new PairBlocks(context.ints(op.offsets()), context.ints(op.order()), mostBlocks()),
              context.floats(op.activated()),
              context.floats(op.target())));
    }
    return calls;
  }
}
