package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.MoeLayer;
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

  /// What the experts got `[N, H]`: the plan may have put other rows in its place when they are
  /// asked for results.
  private final MemorySegment rows;

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
    this.rows = arena.allocate(mostRows(plan), 64);
    this.input = arena.allocate(mostPairs * widest, 64);
    this.output = arena.allocate(mostPairs * widest, 64);
    this.ids = arena.allocate(ValueLayout.JAVA_INT, mostPairs);
    this.ones = arena.allocate(ValueLayout.JAVA_FLOAT, mostPairs);
    for (int i = 0; i < mostPairs; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
  }

  private static long widest(MoePlan plan) {
    return plan.layers().stream().mapToLong(PairSteps::rowBytes).max().orElse(0);
  }

  /// Bytes of the most rows that experts get.
  private static long mostRows(MoePlan plan) {
    long most = 0;
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      int rows =
          plan.modularMoe(layerIndex)
              .prepareAndFinalize()
              .expertTokens(plan.options().chunkTokens());
      most = Math.max(most, rowBytes(plan.layers().get(layerIndex)) * rows);
    }
    return most;
  }

  /// What these steps will take on the host.
  ///
  /// @param pairs the plan on the device
  static long bytes(MoePlan plan, MoePlan pairs) {
    return mostRows(plan) + pairs.options().maxTokens() * (2 * widest(plan) + 2L * Integer.BYTES);
  }

  private static long rowBytes(MoeLayer layer) {
    return (long) layer.experts().hidden() * Float.BYTES;
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case ExpertOperation.GroupedGateUp op -> keep(context.buffer(op.input()), context.layer());
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

  private HostStep keep(BufferRef from, MoeLayer layer) {
    return tokens ->
        MemorySegment.copy(from.segment(), from.offset(), rows, 0, tokens * rowBytes(layer));
  }

  private HostStep run(StepContext context, BufferRef order, BufferRef offsets, BufferRef target) {
    int experts = context.experts().localExperts();
    int topK = context.layer().topK();
    long rowBytes = rowBytes(context.layer());
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
          MemorySegment.copy(rows, row * rowBytes, input, i * rowBytes, rowBytes);
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
