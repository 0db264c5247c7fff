package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/// One session's steps where routed experts are on a device and sum what they have of a row: each
/// row goes up once, with its ids and weights, and one comes back.
final class SumSteps implements StepCompiler {
  private final StepCompiler host;
  private final MoePlan plan;
  private final DeviceCalls device;

  /// A layer's results `[N, H]`.
  private final MemorySegment results;

  /// @param host for all other steps
  /// @param device for layers of [#onDevice]; both are closed with this
  SumSteps(StepCompiler host, MoePlan plan, DeviceCalls device) {
    this.host = host;
    this.plan = plan;
    this.device = device;
    long bytes = KeptRows.bytes(plan);
    this.results =
        device.ownRows(CallerRegion.OUTPUT, bytes).orElseGet(() -> device.allocate(bytes));
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

  /// What these steps will take on the host beside their calls: results that are more than the
  /// device gives at once.
  ///
  /// @param sums the plan on the device
  static long bytes(MoePlan plan, MoePlan sums) {
    long bytes = KeptRows.bytes(plan);
    long once = 0;
    for (MoeLayer layer : sums.layers()) {
      once = Math.max(once, sums.options().maxTokens() * KeptRows.bytesOfRow(layer));
    }
    return bytes <= once ? 0 : bytes;
  }

  /// Rows are received where the device takes them from, and sent from where it gives them. A
  /// sanitised run watches all scratch in the workspace.
  @Override
  public Optional<MemorySegment> ownMemory(int layerIndex, Operand operand, long bytes) {
    if (plan.options().sanitize()) {
      return Optional.empty();
    }
    ExpertInput input = input(layerIndex);
    if (operand.equals(input.rows())) {
      return device.ownRows(CallerRegion.HIDDEN, bytes);
    }
    if (operand.equals(input.weights())) {
      return device.ownRows(CallerRegion.TOPK_WEIGHTS, bytes);
    }
    return operand.equals(Operand.FUSED_OUT) && bytes <= results.byteSize()
        ? Optional.of(results.asSlice(0, bytes))
        : Optional.empty();
  }

  private ExpertInput input(int layerIndex) {
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

  /// The first of the experts' steps does the work of all, while what they got is there.
  private HostStep run(StepContext context) {
    ExpertInput input = input(context.layerIndex());
    BufferRef rows = context.buffer(input.rows());
    BufferRef ids = context.buffer(input.ids());
    BufferRef weights = context.bufferOrNull(input.weights());
    MoeLayer layer = context.layer();
    int topK = layer.topK();
    int[] elsewhere = elsewhere(layer);
    long rowBytes = KeptRows.bytesOfRow(layer);
    return tokens -> {
      for (int first = 0; first < tokens; first += device.mostTokens()) {
        int count = Math.min(device.mostTokens(), tokens - first);
        chooseExperts(ids, (long) first * topK, count * topK, elsewhere);
        device.run(
            context.layerIndex(),
            count,
            rows.segment().asSlice(rows.offset(first), count * rowBytes),
            weights == null
                ? null
                : weights
                    .segment()
                    .asSlice(weights.offset(first), (long) count * topK * Float.BYTES),
            results.asSlice(first * rowBytes, count * rowBytes));
      }
    };
  }

  /// The last one gives the results, which may be where they belong.
  private HostStep handOver(StepContext context) {
    BufferRef target = context.buffer(Operand.FUSED_OUT);
    long rowBytes = KeptRows.bytesOfRow(context.layer());
    return tokens -> {
      if (target.segment().address() + target.offset() != results.address()) {
        MemorySegment.copy(results, 0, target.segment(), target.offset(), tokens * rowBytes);
      }
    };
  }

  private void chooseExperts(BufferRef from, long first, int count, int[] elsewhere) {
    for (int i = 0; i < count; i++) {
      int id = from.getInt(first + i);
      device.choose(i, id >= 0 ? id : elsewhere[i % elsewhere.length]);
    }
  }

  @Override
  public boolean isBoundToThread() {
    return true; // the device's session is
  }

  @Override
  public void close() {
    try (host) {
      device.close();
    }
  }
}
