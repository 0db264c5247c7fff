package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.plan.MoePlan;
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
    long bytes = plan.layers().stream().mapToLong(LayerWeights::bytesToLoad).sum();
    return GuardedSession.open(this, plan, bytes, () -> ReferenceArithmetic.load(plan, progress));
  }
}
