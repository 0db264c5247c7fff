package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One session's steps where routed experts are on a device and sum what they have of a row: each
/// row goes up once, with its ids and weights, and one comes back.
final class SumSteps implements StepCompiler {
  private final StepCompiler host;
  private final Session device;
  private final int mostRows;
  private final Arena arena = Arena.ofShared();
  private final MoeCall call = new MoeCall();
  private final KeptRows rows;

  /// As the device gets them, of the rows of a call.
  private final MemorySegment ids;

  /// Weights where the experts' input was weighted.
  private final MemorySegment ones;

  /// @param host for all other steps
  /// @param device for layers of [#onDevice]; it is closed with this
  SumSteps(StepCompiler host, MoePlan plan, Session device) {
    this.host = host;
    this.device = device;
    this.mostRows = device.plan().options().maxTokens();
    this.rows = new KeptRows(plan, arena);
    long pairs = pairs(device.plan());
    this.ids = arena.allocate(ValueLayout.JAVA_INT, pairs);
    this.ones = arena.allocate(ValueLayout.JAVA_FLOAT, pairs);
    for (long i = 0; i < pairs; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
    }
  }

  /// What these steps will take on the host.
  ///
  /// @param sums the plan on the device
  static long bytes(MoePlan plan, MoePlan sums) {
    return KeptRows.bytes(plan) + pairs(sums) * (Integer.BYTES + Float.BYTES);
  }

  private static long pairs(MoePlan sums) {
    int topK = sums.layers().stream().mapToInt(MoeLayer::topK).max().orElse(0);
    return (long) sums.options().maxTokens() * topK;
  }

  /// What the device has of a layer. A call's ids must differ, and be some of the router's, so
  /// there are k more, of experts elsewhere, for the slots of a row that are none of its experts
  /// here.
  static MoeLayer onDevice(MoeLayer layer) {
    ExpertWeights experts = layer.experts();
    int[] localOf = new int[layer.globalExperts() + layer.topK()];
    Arrays.setAll(localOf, e -> e < layer.globalExperts() ? experts.map().localOf(e) : -1);
    return new MoeLayer(
        layer.index(),
        layer.topK(),
        null,
        new ExpertWeights(experts.local(), ExpertMap.of(localOf), experts.activation()),
        null,
        false);
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case ExpertOperation.GateUp op -> rows.keep(context.buffer(op.input()), context.layer());
      case ExpertOperation.GroupedGateUp op ->
          rows.keep(context.buffer(op.input()), context.layer());
      case ExpertOperation.GroupedDown op -> tokens -> {}; // the device does it when it sums
      case ReduceOperation.DownReduce op -> run(context, op);
      case ReduceOperation.Reduce op ->
          op.target().equals(Operand.FUSED_OUT) ? run(context, op) : host.compile(op, context);
      case ExpertOperation.BatchedGateUp op -> host.compile(op, context);
      case ExpertOperation.BatchedDown op -> host.compile(op, context);
      case ReduceOperation.ReduceNorm op -> host.compile(op, context);
      case ReduceOperation.BatchedReduce op -> host.compile(op, context);
      case DenseOperation op -> host.compile(op, context);
    };
  }

  private HostStep run(StepContext context, ReduceOperation.DownReduce op) {
    return run(
        context,
        context.buffer(op.ids()),
        context.bufferOrNull(op.weights()),
        context.buffer(op.target()));
  }

  private HostStep run(StepContext context, ReduceOperation.Reduce op) {
    return run(
        context,
        context.buffer(op.ids()),
        context.bufferOrNull(op.weights()),
        context.buffer(op.target()));
  }

  private HostStep run(
      StepContext context, BufferRef from, @Nullable BufferRef weights, BufferRef target) {
    MoeLayer layer = context.layer();
    int topK = layer.topK();
    long rowBytes = KeptRows.bytesOfRow(layer);
    return tokens -> {
      for (int first = 0; first < tokens; first += mostRows) {
        int count = Math.min(mostRows, tokens - first);
        long pairBytes = (long) count * topK * Integer.BYTES;
        writeIds(from, (long) first * topK, count * topK, layer);
        device.run(
            call.layer(context.layerIndex())
                .hidden(rows.segment().asSlice(first * rowBytes, count * rowBytes), count)
                .output(target.segment().asSlice(target.offset(first), count * rowBytes))
                .routing(
                    ids.asSlice(0, pairBytes),
                    weights == null
                        ? ones.asSlice(0, pairBytes)
                        : weights.segment().asSlice(weights.offset(first), pairBytes)));
      }
    };
  }

  private void writeIds(BufferRef from, long first, int count, MoeLayer layer) {
    for (int i = 0; i < count; i++) {
      int id = from.getInt(first + i);
      ids.setAtIndex(
          ValueLayout.JAVA_INT, i, id >= 0 ? id : layer.globalExperts() + i % layer.topK());
    }
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
