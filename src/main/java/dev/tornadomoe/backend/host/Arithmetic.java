package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.plan.MoePlan;
import java.util.Optional;

/// The weights of a backend that runs a plan's steps on the host one after the other, and what
/// computes with them.
public interface Arithmetic extends LoadedWeights {

  /// What compiles the operations of one session.
  ///
  /// @param plan the session's, for the layers whose weights these are
  /// @throws dev.tornadomoe.backend.BackendException for a plan that can't be compiled
  StepCompiler compiler(MoePlan plan);

  @Override
  default Execution prepare(MoePlan plan) {
    return HostExecution.of(plan, this);
  }

  /// What says how fast the memory is, where there is something of the kind.
  default Optional<MemoryProbe> memoryProbe() {
    return Optional.empty();
  }

  /// Where its threads ran last, where that is known.
  default Optional<CoreUse> coreUse() {
    return Optional.empty();
  }
}
