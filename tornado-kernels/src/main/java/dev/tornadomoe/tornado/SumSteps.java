package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.SessionWorkspace;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.ExpertPieces;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Step;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One session's steps where routed experts are on a device and sum what they have of a row: each
/// row goes up once, with its ids and weights, and one comes back.
final class SumSteps implements StepCompiler {
  private final StepCompiler host;
  private final MoePlan plan;
  private final DeviceCalls device;
  private final SessionWorkspace.Contents inWorkspace;
  private final DevicePieces pieces = new DevicePieces();

  /// What a layer's experts get `[N, H]` and `[N, k]`, and their results `[N, H]`.
  private final MemorySegment rows;

  private final MemorySegment weights;
  private final MemorySegment results;

  /// @param host for all other steps
  /// @param device for layers of [#onDevice]; both are closed with this
  SumSteps(StepCompiler host, MoePlan plan, DeviceCalls device) {
    this.host = host;
    this.plan = plan;
    this.device = device;
    this.inWorkspace = inWorkspace(plan);
    boolean isOwn = isOwn(plan);
    this.rows = device.rows(isOwn ? KeptRows.bytes(plan) : 0);
    this.weights = device.rows(isOwn ? weightBytes(plan) : 0);
    this.results = device.rows(KeptRows.bytes(plan));
  }

  /// A sanitised run watches all scratch in the workspace.
  private static boolean isOwn(MoePlan plan) {
    return !plan.options().sanitize();
  }

  private static long weightBytes(MoePlan plan) {
    return IntStream.range(0, plan.layers().size())
        .mapToLong(index ->
            (long) KeptRows.most(plan, index) * plan.layers().get(index).topK() * Float.BYTES)
        .max()
        .orElse(0);
  }

  /// What the device has of a layer: where fewer than k experts are elsewhere, so many more.
  static MoeLayer onDevice(MoeLayer layer) {
    ExpertWeights experts = layer.experts();
    int[] elsewhere = elsewhere(layer);
    int[] localOf = new int[Math.max(layer.globalExperts(), elsewhere[layer.topK() - 1] + 1)];
    Arrays.setAll(localOf, e -> e < layer.globalExperts() ? experts.map().localOf(e) : -1);
    return new MoeLayer(
        layer.index(),
        layer.topK(),
        null,
        new ExpertWeights(experts.local(), ExpertMap.of(localOf), experts.activation()),
        null,
        false);
  }

  /// The ids for slots of a row that are none of its experts here, ascending: a call's ids must
  /// differ, so there are k of them.
  static int[] elsewhere(MoeLayer layer) {
    return IntStream.iterate(0, e -> e + 1)
        .filter(e -> e >= layer.globalExperts() || layer.experts().map().localOf(e) < 0)
        .limit(layer.topK())
        .toArray();
  }

  /// What these steps will take on the host beside their calls.
  static long bytes(MoePlan plan) {
    long results = KeptRows.bytes(plan);
    return isOwn(plan) ? 2 * results + weightBytes(plan) : results;
  }

  /// What lies in the workspace of such a plan: neither what goes up and comes back nor the scratch
  /// of experts, of which the device has its own.
  static SessionWorkspace.Contents inWorkspace(MoePlan plan) {
    if (!isOwn(plan)) {
      return (layerIndex, operand) -> true;
    }
    List<Set<Operand>> ofHost = new ArrayList<>();
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      Set<Operand> operands = new HashSet<>();
      for (BucketPlan bucket : plan.buckets()) {
        bucket.stepsOf(layerIndex).stream()
            .map(Step::operation)
            .filter(operation -> !isOnDevice(operation))
            .forEach(operation ->
                operation.accesses().forEach(access -> operands.add(access.operand())));
      }
      ExpertInput input = input(plan, layerIndex);
      operands.remove(input.rows());
      operands.remove(input.weights());
      operands.remove(Operand.FUSED_OUT);
      operands.add(input.ids());
      ofHost.add(operands);
    }
    return (layerIndex, operand) -> ofHost.get(layerIndex).contains(operand);
  }

  private static boolean isOnDevice(Operation operation) {
    return operation instanceof ExpertOperation
        || operation instanceof RouteOperation.GroupByExpert
        || (operation instanceof ReduceOperation.Finishing finishing
            && finishing.target().equals(Operand.FUSED_OUT));
  }

  @Override
  public boolean isInWorkspace(int layerIndex, Operand operand) {
    return inWorkspace.has(layerIndex, operand);
  }

  /// Rows are received where the device takes them from, and sent from where it gives them.
  @Override
  public Optional<MemorySegment> ownMemory(int layerIndex, Operand operand, long bytes) {
    ExpertInput input = input(plan, layerIndex);
    if (operand.equals(input.rows())) {
      return Optional.of(rows.asSlice(0, bytes));
    }
    if (operand.equals(input.weights())) {
      return Optional.of(weights.asSlice(0, bytes));
    }
    return operand.equals(Operand.FUSED_OUT)
        ? Optional.of(results.asSlice(0, bytes))
        : Optional.empty();
  }

  private static ExpertInput input(MoePlan plan, int layerIndex) {
    return plan.modularMoe(layerIndex)
        .prepareAndFinalize()
        .expertInput(
            Operand.HIDDEN,
            plan.layers().get(layerIndex).routerWeightOnInput() ? null : Operand.TOPK_WEIGHTS);
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case ExpertOperation.GateUp op -> run(context);
      case ExpertOperation.GroupedGateUp op -> run(context);
      case ExpertOperation.GroupedDown op -> tokens -> {}; // the device has done it
      case ReduceOperation.Finishing op ->
          op.target().equals(Operand.FUSED_OUT) ? handOver(context) : host.compile(op, context);
      case ExpertOperation.BatchedGateUp op -> host.compile(op, context);
      case ExpertOperation.BatchedDown op -> host.compile(op, context);
      case ReduceOperation.ReduceNorm op -> host.compile(op, context);
      case ReduceOperation.BatchedReduce op -> host.compile(op, context);
      case DenseOperation op -> host.compile(op, context);
      case OffloadOperation op -> host.compile(op, context);
    };
  }

  /// The device sorts pairs itself.
  @Override
  public HostStep compile(RouteOperation operation, StepContext context) {
    return operation instanceof RouteOperation.GroupByExpert
        ? tokens -> {}
        : host.compile(operation, context);
  }

  /// Pieces lie where nothing else does.
  @Override
  public Optional<ExpertPieces> pieces(StepContext context) {
    return isOwn(plan)
        ? Optional.of(
            pieces.of(device, device.worthwhileTokens(context.layerIndex()), rowRun(context)))
        : Optional.empty();
  }

  /// The first of the experts' steps does the work of all, while what they got is there.
  private HostStep run(StepContext context) {
    RowRun run = rowRun(context);
    return tokens -> pieces.runRest(tokens, run);
  }

  private RowRun rowRun(StepContext context) {
    ExpertInput input = input(plan, context.layerIndex());
    return new RowRun(
        context.layerIndex(),
        context.layer(),
        context.buffer(input.rows()),
        context.buffer(input.ids()),
        context.bufferOrNull(input.weights()));
  }

  /// A layer's rows, with ids and weights.
  private final class RowRun implements DevicePieces.RowRun {
    private final int layerIndex;
    private final BufferRef from;
    private final BufferRef ids;
    private final @Nullable BufferRef by;
    private final int topK;
    private final int[] elsewhere;
    private final long rowBytes;

    RowRun(int layerIndex, MoeLayer layer, BufferRef from, BufferRef ids, @Nullable BufferRef by) {
      this.layerIndex = layerIndex;
      this.from = from;
      this.ids = ids;
      this.by = by;
      this.topK = layer.topK();
      this.elsewhere = elsewhere(layer);
      this.rowBytes = KeptRows.bytesOfRow(layer);
    }

    @Override
    public void choose(int first, int count) {
      for (int pair = first * topK; pair < (first + count) * topK; pair++) {
        int id = ids.getInt(pair);
        device.choose(pair, id >= 0 ? id : elsewhere[pair % topK]);
      }
    }

    @Override
    public void run(int first, int count) {
      for (int row = first; row < first + count; row += device.mostTokens()) {
        int some = Math.min(device.mostTokens(), first + count - row);
        device.run(
            layerIndex,
            row,
            some,
            from.segment().asSlice(from.offset(row), some * rowBytes),
            by == null
                ? null
                : by.segment().asSlice(by.offset(row), (long) some * topK * Float.BYTES),
            results.asSlice(row * rowBytes, some * rowBytes));
      }
    }
  }

  /// The last one gives the results, which may be where they belong.
  private HostStep handOver(StepContext context) {
    BufferRef target = context.buffer(Operand.FUSED_OUT);
    long rowBytes = KeptRows.bytesOfRow(context.layer());
    return tokens -> {
      if (!isOwn(plan)) {
        MemorySegment.copy(results, 0, target.segment(), target.offset(), tokens * rowBytes);
      }
    };
  }

  @Override
  public boolean isBoundToThread() {
    return true; // the device's session is
  }

  @Override
  public void close() {
    try (host;
        device) {
      pieces.close();
    }
  }
}
