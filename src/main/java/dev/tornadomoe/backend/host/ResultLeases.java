package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import java.lang.foreign.MemorySegment;

/// One session's leases on all that its call writes, taken together and given back together. A call
/// allocates nothing for them.
final class ResultLeases {
  private final CallerRegion[] results;
  private final int[] leases;
  private int taken;

  ResultLeases(CallSpec spec) {
    this.results = spec.results().toArray(CallerRegion[]::new);
    this.leases = new int[results.length];
  }

  /// Takes them; where one is refused, those before it are still to be given back.
  ///
  /// @throws dev.tornadomoe.backend.BackendException when another call writes any of this memory
  void take(MoeCall call) {
    for (CallerRegion region : results) {
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
