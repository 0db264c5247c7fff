package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import java.util.List;

/// The backend named `reference`.
public final class ReferenceBackend implements Backend {

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public Availability availability() {
    return Availability.yes();
  }

  @Override
  public List<String> devices() {
    return List.of("one thread, double accumulators, for checking");
  }

  @Override
  public Session prepare(MoePlan plan, Progress progress) {
    return GuardedSession.open(this, plan, () -> ReferenceArithmetic.load(plan, progress));
  }

  /// Its steps allocate what they need anew in each call, on the heap.
  @Override
  public SessionMemory memory(MoePlan plan) {
    Bytes weights = Bytes.ofHost(plan.layers().stream().mapToLong(LayerWeights::bytesToLoad).sum());
    Bytes carrier = Bytes.ofHost(plan.carrierBytes());
    return new SessionMemory(
        weights,
        Bytes.ofHost(plan.workspaceBytes()),
        Bytes.NONE,
        carrier,
        weights.plus(carrier),
        0);
  }
}
