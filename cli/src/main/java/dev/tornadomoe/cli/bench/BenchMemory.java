package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The memory of a measurement's calls beside their inputs, as the plan wants it: the same for all.
final class BenchMemory {
  private final int tokens;
  private final Map<CallerRegion, MemorySegment> memory = new EnumMap<>(CallerRegion.class);

  /// @param plan of whole steps: one layer's memory serves all
  /// @param tokens M
  BenchMemory(MoePlan plan, int tokens, Arena arena) {
    this.tokens = tokens;
    CallSpec spec = plan.options().call();
    for (Set<CallerRegion> regions : List.of(spec.inputs(), plan.results(0))) {
      for (CallerRegion region : regions) {
        if (region != CallerRegion.HIDDEN) {
          CallerRows rows = CallerRows.of(spec, region, plan.layers().getFirst());
          memory.put(region, arena.allocate(rows.elements(tokens) * rows.type().bytes(), 64));
        }
      }
    }
  }

  /// A call with this input.
  MoeCall call(BenchInputs.Input input) {
    MoeCall call = new MoeCall().hidden(input.hidden(), tokens).output(memory(CallerRegion.OUTPUT));
    input.keys().forEach(call::memory);
    BenchInputs.Routing routing = input.routing();
    if (routing != null) {
      call.routing(routing.ids(), routing.weights());
    } else if (memory.containsKey(CallerRegion.TOPK_IDS)) {
      call.routing(memory(CallerRegion.TOPK_IDS), memory(CallerRegion.TOPK_WEIGHTS));
    }
    if (memory.containsKey(CallerRegion.RESIDUAL)) {
      call.residual(memory(CallerRegion.RESIDUAL));
    }
    if (memory.containsKey(CallerRegion.ROUTER_STATES)) {
      call.routerStates(memory(CallerRegion.ROUTER_STATES));
    }
    if (memory.containsKey(CallerRegion.NORMED)) {
      call.tail(memory(CallerRegion.NORM_WEIGHTS), memory(CallerRegion.NORMED));
    }
    return call;
  }

  /// Readies the memory for a call. The one before has left its router states where the first layer
  /// may go on from them: from the same input's they would grow with each call.
  static void ready(MoePlan plan, MoeCall call) {
    MemorySegment states = call.memory(CallerRegion.ROUTER_STATES);
    if (states != null && plan.regionsRead(0).contains(CallerRegion.ROUTER_STATES)) {
      states.fill((byte) 0);
    }
  }

  private MemorySegment memory(CallerRegion region) {
    @Nullable MemorySegment segment = memory.get(region);
    if (segment == null) {
      throw new IllegalStateException("the plan has no " + region);
    }
    return segment;
  }
}
