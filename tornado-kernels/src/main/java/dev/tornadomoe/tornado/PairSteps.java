package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// One session's steps where routed experts are on a device: the device gets sorted pairs as tokens
/// with one expert each, a few at a time, and gives back a row for each.
final class PairSteps implements StepCompiler {
  private final StepCompiler host;
  private final Session device;
  private final int mostPairs;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();

  private final KeptRows rows;

  /// The device's tokens `[P, H]`, their experts and weights `[P]`, and its results `[P, H]`.
  private final MemorySegment input;

  private final MemorySegment ids;
  private final MemorySegment ones;
  private final MemorySegment output;

  /// @param host for all other steps
  /// @param device for pairs of the same layers, by the places of their experts; it is closed with
  ///   this
  PairSteps(StepCompiler host, MoePlan plan, Session device) {
    this.host = host;
    this.device = device;
    this.mostPairs = device.plan().options().maxTokens();
    long widest = widest(plan);
    this.rows = new KeptRows(plan, arena);
    this.input = arena.allocate(mostPairs * widest, 64);
    this.output = arena.allocate(mostPairs * widest, 64);
    this.ids = arena.allocate(ValueLayout.JAVA_INT, mostPairs);
    this.ones = arena.allocate(ValueLayout.JAVA_FLOAT, mostPairs);
    for (int i = 0; i < mostPairs; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
  }

  private static long widest(MoePlan plan) {
    return plan.layers().stream().mapToLong(KeptRows::bytesOfRow).max().orElse(0);
  }

  /// What these steps will take on the host.
  ///
  /// @param pairs the plan on the device
  static long bytes(MoePlan plan, MoePlan pairs) {
    return KeptRows.bytes(plan)
        + pairs.options().maxTokens() * (2 * widest(plan) + 2L * Integer.BYTES);
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case ExpertOperation.GroupedGateUp op ->
          rows.keep(context.buffer(op.input()), context.layer());
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
      case ReduceOperation op -> host.compile(op, context);
    };
  }

  private HostStep run(StepContext context, BufferRef order, BufferRef offsets, BufferRef target) {
    int experts = context.experts().localExperts();
    int topK = context.layer().topK();
    long rowBytes = KeptRows.bytesOfRow(context.layer());
    return tokens -> {
      int pairs = offsets.getInt(experts);
      int expert = 0;
      for (int first = 0; first < pairs; first += mostPairs) {
        int count = Math.min(mostPairs, pairs - first);
        for (int i = 0; i < count; i++) {
          while (first + i >= offsets.getInt(expert + 1L)) {
            expert++;
          }
          ids.setAtIndex(ValueLayout.JAVA_INT, i, expert);
          long row = order.getInt((long) first + i) / topK;
          MemorySegment.copy(rows.segment(), row * rowBytes, input, i * rowBytes, rowBytes);
        }
        run(context.layerIndex(), count, rowBytes);
        for (int i = 0; i < count; i++) {
          long to = target.offset(order.getInt((long) first + i));
          MemorySegment.copy(output, i * rowBytes, target.segment(), to, rowBytes);
        }
      }
    };
  }

  private void run(int layerIndex, int count, long rowBytes) {
    long bytes = count * rowBytes;
    long each = (long) count * Integer.BYTES;
    device.run(
        call.layer(layerIndex)
            .hidden(input.asSlice(0, bytes), count)
            .output(output.asSlice(0, bytes))
            .routing(ids.asSlice(0, each), ones.asSlice(0, each)));
  }

  @Override
  public boolean isBoundToThread() {
    return true; // the device's session is
  }

  @Override
  public void close() {
    device.close();
    arena.close();
    host.close();
  }
}
