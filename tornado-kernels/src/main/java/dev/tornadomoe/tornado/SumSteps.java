package dev.tornadomoe.tornado;

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
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// One session's steps where routed experts are on a device and sum what they have of a row: each
/// row goes up once, with its ids and weights, and one comes back.
final class SumSteps implements StepCompiler {
  private final StepCompiler host;
  private final DeviceCalls device;

  /// @param host for all other steps
  /// @param device for layers of [#onDevice]; both are closed with this
  SumSteps(StepCompiler host, DeviceCalls device) {
    this.host = host;
    this.device = device;
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
      case ExpertOperation.GateUp op ->
          device.rows().keep(context.buffer(op.input()), context.layer());
      case ExpertOperation.GroupedGateUp op ->
          device.rows().keep(context.buffer(op.input()), context.layer());
      case ExpertOperation.GroupedDown op -> tokens -> {}; // the device does it when it sums
      case ReduceOperation.Finishing op ->
          op.target().equals(Operand.FUSED_OUT) ? run(context, op) : host.compile(op, context);
      case ExpertOperation.BatchedGateUp op -> host.compile(op, context);
      case ExpertOperation.BatchedDown op -> host.compile(op, context);
      case ReduceOperation.ReduceNorm op -> host.compile(op, context);
      case ReduceOperation.BatchedReduce op -> host.compile(op, context);
      case DenseOperation op -> host.compile(op, context);
    };
  }

  private HostStep run(StepContext context, ReduceOperation.Finishing op) {
    BufferRef from = context.buffer(op.ids());
    BufferRef weights = context.bufferOrNull(op.weights());
    BufferRef target = context.buffer(op.target());
    MoeLayer layer = context.layer();
    int topK = layer.topK();
    long rowBytes = KeptRows.bytesOfRow(layer);
    MemorySegment rows = device.rows().segment();
    return tokens -> {
      for (int first = 0; first < tokens; first += device.mostTokens()) {
        int count = Math.min(device.mostTokens(), tokens - first);
        chooseExperts(from, (long) first * topK, count * topK, layer);
        device.run(
            context.layerIndex(),
            count,
            rows.asSlice(first * rowBytes, count * rowBytes),
            weights == null
                ? null
                : weights
                    .segment()
                    .asSlice(weights.offset(first), (long) count * topK * Float.BYTES),
            target.segment().asSlice(target.offset(first), count * rowBytes));
      }
    };
  }

  private void chooseExperts(BufferRef from, long first, int count, MoeLayer layer) {
    for (int i = 0; i < count; i++) {
      int id = from.getInt(first + i);
      device.choose(i, id >= 0 ? id : layer.globalExperts() + i % layer.topK());
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
