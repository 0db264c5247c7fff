package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.WeightOperation;

/// Compiles the layers' arithmetic for one session.
@FunctionalInterface
public interface StepCompiler extends AutoCloseable {

  /// Compiles an operation.
  HostStep compile(WeightOperation operation, StepContext context);

  /// Whether its steps have to run on the thread that ran them first.
  default boolean isBoundToThread() {
    return false;
  }

  /// Gives back what its steps hold beside weights. Called once, when the session is closed.
  @Override
  default void close() {}
}
