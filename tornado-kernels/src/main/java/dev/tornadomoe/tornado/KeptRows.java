package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.util.function.LongFunction;

/// What the experts got `[N, H]`, on the host: the plan may have put other rows in its place when
/// they are asked for results.
final class KeptRows {
  private final MemorySegment rows;

  /// @param allocator of memory that lives as long as the session
  KeptRows(MoePlan plan, LongFunction<MemorySegment> allocator) {
    this.rows = allocator.apply(bytes(plan));
  }

  /// What they take for the layer that needs the most.
  static long bytes(MoePlan plan) {
    long most = 0;
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      most = Math.max(most, bytesOfRow(plan.layers().get(layerIndex)) * most(plan, layerIndex));
    }
    return most;
  }

  /// How many rows a layer's experts can get.
  static int most(MoePlan plan, int layerIndex) {
    return plan.modularMoe(layerIndex)
        .prepareAndFinalize()
        .expertTokens(plan.options().chunkTokens());
  }

  /// What a row of a layer's experts takes.
  static long bytesOfRow(MoeLayer layer) {
    return (long) layer.experts().hidden() * Float.BYTES;
  }

  /// The step that keeps them.
  HostStep keep(BufferRef from, MoeLayer layer) {
    return tokens ->
        MemorySegment.copy(from.segment(), from.offset(), rows, 0, tokens * bytesOfRow(layer));
  }

  MemorySegment segment() {
    return rows;
  }
}
