package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.Operation;

/// Compiles the operations with arithmetic for one session.
@FunctionalInterface
public interface StepCompiler extends AutoCloseable {

  /// Compiles an operation.
  ///
  /// @throws dev.tornadomoe.backend.BackendException for an operation it does not know
  HostStep compile(Operation operation, StepContext context);

  /// Whether its steps have to run on the thread that ran them first.
  default boolean isBoundToThread() {
    return false;
  }

  /// Gives back what its steps hold beside weights. Called once, when the session is closed.
  @Override
  default void close() {}
}
