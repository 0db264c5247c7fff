package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Placement;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.plan.Precision;
import java.util.Optional;
import java.util.Set;

/// The part of a host backend that computes: compiles the operations with arithmetic in them, on
/// weights that it holds in memory. Sessions on the same plan share it.
public interface Arithmetic {

  /// Compiles an operation for one session.
  ///
  /// @throws dev.tornadomoe.backend.BackendException for an operation it does not know
  HostStep compile(Operation operation, StepContext context);

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
