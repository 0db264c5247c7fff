package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;

/// One session's steps where routed experts are on a device: the device gets sorted pairs as tokens
/// with one expert each, a few at a time, and gives back a row for each.
final class PairSteps implements StepCompiler {
  private final StepCompiler host;
  private final DeviceCalls device;

  private final KeptRows kept;

  /// The device's tokens `[P, H]`, and its results `[P, H]`.
  private final MemorySegment input;

  private final MemorySegment output;

  /// @param host for all other steps
  /// @param device for pairs of the same layers, by the places of their experts; both are closed
  ///   with this
  PairSteps(StepCompiler host, MoePlan plan, DeviceCalls device) {
    this.host = host;
    this.device = device;
    this.kept = new KeptRows(plan, device::allocate);
    this.input = device.rows(device.mostTokens() * widest(plan));
    this.output = device.rows(device.mostTokens() * widest(plan));
  }

  private static long widest(MoePlan plan) {
    return plan.layers().stream().mapToLong(KeptRows::bytesOfRow).max().orElse(0);
  }

  /// What these steps will take on the host beside their calls.
  ///
  /// @param pairs the plan on the device
  static long bytes(MoePlan plan, MoePlan pairs) {
    return KeptRows.bytes(plan) + 2L * pairs.options().maxTokens() * widest(plan);
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case ExpertOperation.GroupedGateUp op ->
          kept.keep(context.buffer(op.input()), context.layer());
      case ExpertOperation.GroupedDown op ->
          run(
              context,
              context.buffer(op.order()),
              context.buffer(op.offsets()),
              context.buffer(op.target()));
      case ExpertOperation.GateUp op -> host.compile(op, context);
      case ExpertOperation.BatchedGateUp op -> host.compile(op, context);
      case ExpertOperation.BatchedDown op -> host.compile(op, context);
      case DenseOperation op -> host.compile(op, context);
      case OffloadOperation op -> host.compile(op, context);
      case ReduceOperation op -> host.compile(op, context);
    };
  }

  private HostStep run(StepContext context, BufferRef order, BufferRef offsets, BufferRef target) {
    int experts = context.experts().localExperts();
    int topK = context.layer().topK();
    long rowBytes = KeptRows.bytesOfRow(context.layer());
    MemorySegment rows = kept.segment();
    return tokens -> {
      int pairs = offsets.getInt(experts);
      int expert = 0;
      for (int first = 0; first < pairs; first += device.mostTokens()) {
        int count = Math.min(device.mostTokens(), pairs - first);
        for (int i = 0; i < count; i++) {
          while (first + i >= offsets.getInt(expert + 1L)) {
            expert++;
          }
          device.choose(i, expert);
          long row = order.getInt((long) first + i) / topK;
          MemorySegment.copy(rows, row * rowBytes, input, i * rowBytes, rowBytes);
        }
        long bytes = count * rowBytes;
        device.run(
            context.layerIndex(),
            0,
            count,
            input.asSlice(0, bytes),
            null,
            output.asSlice(0, bytes));
        for (int i = 0; i < count; i++) {
          long to = target.offset(order.getInt((long) first + i));
          MemorySegment.copy(output, i * rowBytes, target.segment(), to, rowBytes);
        }
      }
    };
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
