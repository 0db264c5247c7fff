package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.plan.Step;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Which steps of a layer have no task of their own on a device because another's task does their
/// work, and what that asks of the arrays.
///
/// A fused task reads its inputs when the last of its steps would. Nothing else writes them in
/// between: the hidden states are written by the layer's last step alone (steps that prepare a
/// target before, [RowOperation.Zero], switch fusing off), and scratch that is read later than
/// planned gets its own array.
public final class FusedSteps {
  /// The most experts that each work-group of gate and up ranks anew.
  private static final int MOST_RANKED = 256;

  /// Up to how many tokens that costs less than a launch (measured on an H200 with 128 experts: 4
  /// us for each token).
  private static final int MOST_RANKING_TOKENS = 4;

  private final DeviceLayer layer;
  private final KernelShape shape;
  private final int tokens;
  private final List<Operation> operations;
  private final boolean fuses;

  /// @param tokens the most of a call
  public FusedSteps(DeviceLayer layer, KernelShape shape, int tokens, List<Step> steps) {
    this.layer = layer;
    this.shape = shape;
    this.tokens = tokens;
    this.operations = steps.stream().map(Step::operation).toList();
    this.fuses = operations.stream().noneMatch(RowOperation.Zero.class::isInstance);
  }

  /// The layer's operations in order.
  List<Operation> operations() {
    return operations;
  }

  /// Parts of the shared expert that the experts' kernels treat as pairs of each token.
  public int extra() {
    boolean isShared = operations.stream().anyMatch(DenseOperation.SharedGateUp.class::isInstance);
    return fuses && isShared ? layer.extra() : 0;
  }

  /// Whether gate and up weight what they get, instead of a step before them.
  boolean weighsInput() {
    return fuses && operations.stream().anyMatch(RowOperation.WeightInput.class::isInstance);
  }

  /// Whether gate and up select the experts, instead of a task before them: for few tokens, where
  /// all experts are in one part here.
  boolean routesInGateUp() {
    Router router = layer.layer().router();
    return shape == KernelShape.WORK_GROUPS
        && tokens <= MOST_RANKING_TOKENS
        && router != null
        && router.gating() instanceof TopKGating gating
        && gating.groups() == null
        // What gate and up have no flags for.
        && gating.norm() == 1
        && gating.scoring() != TopKGating.Scoring.SQRT_SOFTPLUS
        && router.expertScale() == null
        && operations.stream().anyMatch(ExpertOperation.GateUp.class::isInstance)
        && operations.stream().anyMatch(RouteOperation.SelectExperts.class::isInstance)
        && operations.stream().noneMatch(RowOperation.WeightInput.class::isInstance)
        && layer.parts().size() == 1
        && !layer.parts().getFirst().gateUp().storage().hasSpans()
        && router.experts() <= MOST_RANKED
        && IntStream.range(0, router.experts())
            .allMatch(expert -> layer.layer().experts().map().localOf(expert) == expert);
  }

  /// What an operation reads where it would read rows that fusing never makes.
  Operand source(Operand operand) {
    if (operand.equals(Operand.WEIGHTED_HIDDEN) && weighsInput()) {
      return operations.stream()
          .filter(RowOperation.WeightInput.class::isInstance)
          .map(weigh -> source(((RowOperation.WeightInput) weigh).input()))
          .findFirst()
          .orElseThrow();
    }
    // The rows are F32 on the device whatever they are at the caller's.
    return operand.equals(Operand.HIDDEN_F32) ? Operand.HIDDEN : operand;
  }

  /// Whether scratch is read later than the plan knows.
  boolean outlivesPlan(Operand operand) {
    return (operand.equals(Operand.TOPK_WEIGHTS) && weighsInput())
        || (weighsInput() && operand.equals(source(Operand.WEIGHTED_HIDDEN)))
        || (operand.equals(Operand.ROUTER_LOGITS) && routesInGateUp());
  }

  /// Addends of a final step that are not in its sum already.
  List<Operand> addends(List<Operand> planned) {
    return extra() == 0
        ? planned
        : planned.stream().filter(operand -> !operand.equals(Operand.SHARED_OUT)).toList();
  }

  /// Whether nothing but the shared expert's gate needs the matrix that it shares with the router.
  boolean gatesWithoutRouter() {
    return layer.isSharedGated()
        && !layer.isGateApart()
        && operations.stream().noneMatch(DenseOperation.RouterLogits.class::isInstance);
  }

  /// Elements of the arrays that kernels take beside operands, where that is more than one.
  Map<KernelArray, Integer> kernelArrays() {
    Map<KernelArray, Integer> sizes = new EnumMap<>(KernelArray.class);
    if (layer.isSharedGated()) {
      sizes.put(KernelArray.SHARED_LOGITS, tokens);
    }
    if (gatesWithoutRouter()) {
      int logits = Math.multiplyExact(tokens, layer.routerRows());
      sizes.put(KernelArray.NO_LOGITS, Math.max(1, logits));
    }
    return sizes;
  }

  /// Elements that arrays need beyond what the plan's shapes say: pairs of the shared expert, and a
  /// table of blocks where the plan has offsets.
  ///
  /// @param tokens the most of the bucket
  Map<Operand, Integer> sizes(int tokens) {
    Map<Operand, Integer> sizes = new HashMap<>();
    int pairs = Math.multiplyExact(tokens, layer.layer().topK() + extra());
    int hidden = layer.layer().experts().hidden();
    int intermediate = layer.layer().intermediate();
    for (Operation operation : operations) {
      switch (operation) {
        case ExpertOperation.GateUp op ->
            sizes.put(op.activated(), Math.multiplyExact(pairs, intermediate));
        case ExpertOperation.GroupedGateUp op ->
            sizes.put(op.activated(), Math.multiplyExact(pairs, intermediate));
        case ExpertOperation.GroupedDown op ->
            sizes.put(op.target(), Math.multiplyExact(pairs, hidden));
        case RouteOperation.GroupByExpert op -> {
          sizes.put(op.order(), pairs);
          sizes.put(op.offsets(), 3 * mostBlocks(pairs, 1));
        }
        case ExpertOperation.BatchedGateUp op -> {}
        case ExpertOperation.BatchedDown op -> {}
        case RouteOperation.SelectExperts op -> {}
        case RouteOperation.Dispatch op -> {}
        case RowOperation op -> {}
        case DenseOperation op -> {}
        case ReduceOperation op -> {}
        case OffloadOperation op -> {}
        case CustomOperation op -> {}
      }
    }
    return sizes;
  }

  /// Blocks that pairs are cut into, empty ones included.
  ///
  /// @param size the most pairs of a block
  int mostBlocks(int pairs, int size) {
    int experts = layer.layer().experts().map().localExperts() + extra();
    return pairs / size + experts;
  }
}
