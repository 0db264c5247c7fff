package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;

/// One session's leases on all that its call writes, taken together and given back together. A call
/// allocates nothing for them.
final class ResultLeases {
  /// By the layer's index in the plan.
  private final CallerRegion[][] results;

  private final int[] leases;
  private int taken;

  ResultLeases(MoePlan plan) {
    this.results = new CallerRegion[plan.layers().size()][];
    for (int layer = 0; layer < results.length; layer++) {
      results[layer] = plan.results(layer).toArray(CallerRegion[]::new);
    }
    this.leases = new int[CallerRegion.values().length];
  }

  /// Takes them; where one is refused, those before it are still to be given back.
  ///
  /// @throws dev.tornadomoe.backend.BackendException when another call writes any of this memory
  void take(MoeCall call) {
    for (CallerRegion region : results[call.layer()]) {
      MemorySegment result = call.memory(region);
      if (result != null) {
        leases[taken] = OutputLeases.acquire(region, result);
        taken++;
      }
    }
  }

  void giveBack() {
    while (taken > 0) {
      taken--;
      OutputLeases.release(leases[taken]);
    }
  }
}
