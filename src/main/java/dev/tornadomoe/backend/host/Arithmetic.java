package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Placement;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import java.util.Optional;
import java.util.Set;

/// The part of a host backend that computes, on weights that it holds in memory. Sessions on the
/// same plan share it.
public interface Arithmetic {

  /// What compiles the operations of one session.
  ///
  /// @param plan the session's, for the layers whose weights these are
  /// @throws dev.tornadomoe.backend.BackendException for a plan that can't be compiled
  StepCompiler compiler(MoePlan plan);

  /// The precisions it has.
  default Set<Precision> precisions() {
    return Set.of(Precision.EXACT);
  }

  /// Where the weights lie.
  WeightMemory weightMemory();

  /// What says how fast the memory is, where there is something of the kind.
  default Optional<MemoryProbe> memoryProbe() {
    return Optional.empty();
  }

  /// Where its threads ran last, where that is known.
  default Optional<Placement> placement() {
    return Optional.empty();
  }

  /// Gives back the weights. Called once, when no session uses them any more.
  void close();
}
