package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.graph.DeviceStep.Kernels;
import dev.tornadomoe.tornado.graph.DeviceStep.Refusal;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.GroupingKernels;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.Tuning;
import dev.tornadomoe.tornado.tuning.TuningKey;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Turns the steps of one layer in one bucket into kernel calls: what lies around the router
/// ([RouterCalls]) and the experts' projections ([ProjectionCalls]).
public final class LayerCalls {
  private final String prefix;
  private final KernelContext context = DeviceArrays.context();
  private final List<KernelCall> calls = new ArrayList<>();
  private final DeviceLayer weights;
  private final MoeLayer layer;
  private final FusedSteps steps;
  private final LayerArrays.OfLayer arrays;
  private final IntArray call;
  private final DeviceLimits device;
  private final int tokens;
  private final int hidden;
  private final int topK;
  private final int extra;
  private final Tuning tuning;
  private final ProjectionCalls projections;
  private final RouterCalls router;
  private RouteOperation.@Nullable GroupByExpert grouping;
  private ExpertOperation.@Nullable GroupedGateUp heldGateUp;

  /// @param prefix of all tasks' names
  /// @param call its first element is M
  /// @param tokens the most of the launch
  private LayerCalls(
      String prefix,
      DeviceLayer weights,
      FusedSteps steps,
      LayerArrays.OfLayer arrays,
      IntArray call,
      DeviceTuning device,
      int tokens) {
    this.prefix = prefix;
    this.weights = weights;
    this.layer = weights.layer();
    this.steps = steps;
    this.arrays = arrays;
    this.call = call;
    this.device = device.limits();
    this.tokens = tokens;
    this.hidden = layer.hidden();
    this.topK = layer.topK();
    this.extra = steps.extra();
    this.tuning = device.tuning(TuningKey.of(weights, extra, this.device.shape()), tokens);
    this.projections =
        new ProjectionCalls(prefix, context, call, this.device, layer, tuning, calls);
    this.router =
        new RouterCalls(
            prefix, context, call, this.device, weights, steps, arrays, projections, calls, tokens);
  }

  /// The calls of a layer, in order, none beyond the device's limits.
  public static List<KernelCall> of(
      String prefix,
      DeviceLayer weights,
      FusedSteps steps,
      LayerArrays.OfLayer arrays,
      IntArray call,
      DeviceTuning device,
      int tokens) {
    LayerCalls layer = new LayerCalls(prefix, weights, steps, arrays, call, device, tokens);
    if (weights.isSharedGated()
        && steps.operations().stream().noneMatch(DenseOperation.RouterLogits.class::isInstance)) {
      layer.router.sharedGate();
    }
    steps.operations().forEach(layer::add);
    layer.calls.forEach(kernel -> kernel.requireFits(device.limits()));
    return List.copyOf(layer.calls);
  }

  private void add(Operation operation) {
    switch (step(layer, operation)) {
      case Kernels kernels -> kernels.calls().accept(this);
      case Refusal refusal -> throw new BackendException(refusal.sentence());
    }
  }

  /// What a device does about an operation of a layer: the one list of what has kernels.
  static DeviceStep step(MoeLayer layer, Operation operation) {
    return switch (operation) {
      case DenseOperation.RouterLogits op -> new Kernels(calls -> calls.router.logits(op));
      case DenseOperation.SharedGateUp op -> new Kernels(calls -> calls.sharedGateUp(op));
      case DenseOperation.SharedDown op -> new Kernels(calls -> calls.sharedDown(op));
      case RowOperation.Copy op -> new Kernels(calls -> calls.copy(op));
      case RowOperation.Add op -> new Kernels(calls -> calls.addRows(op));
      case RowOperation.Zero op -> new Kernels(calls -> calls.zero(op));
      case RowOperation.WeightInput op -> new Kernels(calls -> calls.weightInput(op));
      case RowOperation.IdentityExperts op -> new Kernels(calls -> calls.identities(op));
      case RouteOperation.SelectExperts op ->
          layer.router() != null && layer.router().gating() instanceof CustomGating
              ? DeviceStep.ownRouting(layer)
              : new Kernels(calls -> calls.router.select(op));
      case RouteOperation.GroupByExpert op -> new Kernels(calls -> calls.group(op));
      case RouteOperation.Dispatch op -> DeviceStep.withoutKernel(layer, op);
      case ExpertOperation.GateUp op -> new Kernels(calls -> calls.gateUp(op));
      case ExpertOperation.GroupedGateUp op -> new Kernels(calls -> calls.groupedGateUp(op));
      case ExpertOperation.GroupedDown op -> new Kernels(calls -> calls.groupedDown(op));
      case ExpertOperation.BatchedGateUp op -> DeviceStep.withoutKernel(layer, op);
      case ExpertOperation.BatchedDown op -> DeviceStep.withoutKernel(layer, op);
      case ReduceOperation.DownReduce op -> new Kernels(calls -> calls.downReduce(op));
      case ReduceOperation.Reduce op -> new Kernels(calls -> calls.reduce(op));
      case ReduceOperation.BatchedReduce op -> DeviceStep.withoutKernel(layer, op);
      case CustomOperation op -> DeviceStep.withoutKernel(layer, op);
    };
  }

  private FloatArray f(Operand operand) {
    return arrays.floats(operand);
  }

  private IntArray i(Operand operand) {
    return arrays.ints(operand);
  }

  private void elements(String name, KernelCall.Adder adder) {
    elements(name, adder, false);
  }

  private void elements(String name, KernelCall.Adder adder, boolean copiesOutput) {
    calls.add(
        new KernelCall(
            prefix + name + calls.size(),
            Math.multiplyExact(tokens, hidden),
            0,
            0,
            adder,
            copiesOutput));
  }

  private void weightInput(RowOperation.WeightInput op) {
    if (steps.weighsInput()) {
      return;
    }
    FloatArray factors = f(op.weights());
    FloatArray input = f(op.input());
    FloatArray target = f(op.target());
    elements(
        "weightInput",
        (g, n) ->
            g.task(n, ElementKernels::weightInput, context, call, factors, input, target, hidden));
  }

  private void identities(RowOperation.IdentityExperts op) {
    IntArray ids = i(op.ids());
    FloatArray factors = f(op.weights());
    FloatArray input = f(op.input());
    FloatArray target = f(op.target());
    int first = layer.globalExperts() - layer.identityExperts();
    elements(
        "identities",
        (g, n) ->
            g.task(
                n,
                ElementKernels::identities,
                context,
                call,
                ids,
                factors,
                input,
                target,
                topK,
                first,
                hidden));
  }

  /// What gate and up multiply by, and the flags that say so.
  private ProjectionCalls.Factors factors(boolean hasShared) {
    if (steps.weighsInput()) {
      return new ProjectionCalls.Factors(f(Operand.TOPK_WEIGHTS), Flags.WEIGHTED);
    }
    return hasShared && weights.isSharedGated()
        ? new ProjectionCalls.Factors(router.sharedLogits(), Flags.SHARED_GATE)
        : ProjectionCalls.Factors.none();
  }

  private @Nullable DeviceExperts separateShared() {
    return extra > 0 ? null : weights.shared();
  }

  private void sharedGateUp(DenseOperation.SharedGateUp op) {
    DeviceExperts shared = separateShared();
    if (extra == 0 && shared == null) {
      // Kept among the experts, for a plan whose steps can't be fused.
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "layer %d: experts that accumulate into the output can't run on a device beside shared experts",
              layer.index()));
    }
    if (shared != null) {
      ProjectionCalls.Factors gate =
          weights.isSharedGated()
              ? new ProjectionCalls.Factors(router.sharedLogits(), Flags.SHARED_GATE)
              : ProjectionCalls.Factors.none();
      projections.gateUp(
          "sharedGateUp",
          shared,
          DeviceArrays.ints(1),
          gate,
          f(op.input()),
          f(op.activated()),
          0,
          1,
          tokens);
    }
  }

  private void sharedDown(DenseOperation.SharedDown op) {
    DeviceExperts shared = separateShared();
    if (shared != null) {
      projections.down(
          "sharedDown",
          shared,
          DeviceArrays.ints(1),
          null,
          f(op.activated()),
          List.of(),
          f(op.target()),
          0,
          1,
          tokens,
          false);
    }
  }

  private void gateUp(ExpertOperation.GateUp op) {
    ProjectionCalls.Routing routing = router.routing();
    if (routing != null) {
      projections.routedGateUp(
          weights.parts().getFirst(),
          routing,
          i(op.ids()),
          factors(extra > 0),
          f(op.input()),
          f(op.activated()),
          topK,
          extra,
          tokens);
      return;
    }
    for (DeviceExperts part : weights.parts()) {
      projections.gateUp(
          "gateUp",
          part,
          i(op.ids()),
          factors(extra > 0),
          f(op.input()),
          f(op.activated()),
          topK,
          extra,
          tokens);
    }
  }

  private void downReduce(ReduceOperation.DownReduce op) {
    boolean isFirst = true;
    FloatArray factors = op.weights() == null ? null : f(op.weights());
    for (DeviceExperts part : weights.parts()) {
      List<FloatArray> addends = isFirst ? addends(op.addends()) : List.of();
      projections.down(
          "down",
          part,
          i(op.ids()),
          factors,
          f(op.activated()),
          addends,
          f(op.target()),
          topK,
          extra,
          tokens,
          !isFirst);
      isFirst = false;
    }
  }

  private List<FloatArray> addends(List<Operand> planned) {
    return steps.addends(planned).stream().map(this::f).toList();
  }

  private int mostBlocks() {
    return steps.mostBlocks(Math.multiplyExact(tokens, topK + extra), tuning.tokens());
  }

  /// Sorts anew for each part: the blocks are its own.
  private void group(RouteOperation.GroupByExpert op) {
    if (weights.parts().size() == 1) {
      group(op.ids(), op.order(), op.offsets(), weights.parts().getFirst());
    }
    grouping = op;
  }

  private void group(Operand ids, Operand order, Operand offsets, DeviceExperts part) {
    boolean isShared = device.shape() == KernelShape.WORK_GROUPS;
    int threads = isShared ? device.threads(Math.multiplyExact(tokens, topK) / 16) : 0;
    int experts = part.experts() + part.extra();
    IntArray from = i(ids);
    IntArray pairs = i(order);
    IntArray blocks = i(offsets);
    calls.add(
        new KernelCall(
            prefix + "group" + calls.size(),
            isShared ? Math.multiplyExact(experts, threads) : experts,
            threads,
            4 * 2 * threads,
            (g, n) ->
                g.task(
                    n,
                    isShared ? GroupingKernels::group : GroupingKernels::groupAlone,
                    context,
                    call,
                    from,
                    part.map(),
                    pairs,
                    blocks,
                    topK,
                    topK + extra,
                    part.extra(),
                    part.experts(),
                    tuning.tokens(),
                    mostBlocks(),
                    threads),
            false));
  }

  private void groupedGateUp(ExpertOperation.GroupedGateUp op) {
    if (weights.parts().size() > 1) {
      heldGateUp = op;
      return;
    }
    blockGateUp(op, weights.parts().getFirst());
  }

  private void blockGateUp(ExpertOperation.GroupedGateUp op, DeviceExperts part) {
    projections.blockGateUp(
        part,
        i(op.offsets()),
        i(op.order()),
        factors(extra > 0),
        f(op.input()),
        f(op.activated()),
        topK,
        extra,
        mostBlocks());
  }

  /// Where the experts lie in several parts, each is sorted, activated and projected in turn.
  private void groupedDown(ExpertOperation.GroupedDown op) {
    for (DeviceExperts part : weights.parts()) {
      if (heldGateUp != null && grouping != null) {
        group(grouping.ids(), grouping.order(), grouping.offsets(), part);
        blockGateUp(heldGateUp, part);
      }
      projections.blockDown(
          part, i(op.offsets()), i(op.order()), f(op.activated()), f(op.target()), mostBlocks());
    }
  }

  private void reduce(ReduceOperation.Reduce op) {
    FloatArray factors = op.weights() == null ? DeviceArrays.floats(1) : f(op.weights());
    IntArray ids = i(op.ids());
    FloatArray pairs = f(op.pairs());
    FloatArray target = f(op.target());
    Addends addends = Addends.of(addends(op.addends()), target, layer);
    int flags = addends.flags() | (op.weights() == null ? 0 : Flags.WEIGHTED);
    elements(
        "reduce",
        (g, n) ->
            g.task(
                n,
                ElementKernels::reduce,
                context,
                call,
                ids,
                weights.map(),
                factors,
                pairs,
                addends.first(),
                addends.second(),
                target,
                topK,
                extra,
                hidden,
                flags));
  }

  private void copy(RowOperation.Copy op) {
    FloatArray source = f(op.source());
    FloatArray target = f(op.target());
    if (source != target) { // hidden states are F32 here already
      elements(
          "copy",
          (g, n) -> g.task(n, ElementKernels::copy, context, call, source, target, hidden),
          op.target().equals(Operand.OUTPUT));
    }
  }

  private void addRows(RowOperation.Add op) {
    if (extra > 0 && op.addend().equals(Operand.SHARED_OUT)) {
      return; // in the sum already
    }
    FloatArray addend = f(op.addend());
    FloatArray target = f(op.target());
    elements(
        "add", (g, n) -> g.task(n, ElementKernels::add, context, call, addend, target, hidden));
  }

  private void zero(RowOperation.Zero op) {
    FloatArray target = f(op.target());
    elements("zero", (g, n) -> g.task(n, ElementKernels::zero, context, call, target, hidden));
  }
}
