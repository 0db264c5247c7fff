package dev.tornadomoe.backend.host;

import dev.tornadomoe.modular.ExpertPieces;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.WeightOperation;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// Compiles the layers' arithmetic for one session.
@FunctionalInterface
public interface StepCompiler extends AutoCloseable {

  /// Compiles an operation.
  HostStep compile(WeightOperation operation, StepContext context);

  /// Compiles an operation that says which row goes where.
  default HostStep compile(RouteOperation operation, StepContext context) {
    return RouteSteps.compile(operation, context);
  }

  /// Whether a scratch operand of a layer lies in the workspace. If not, [#ownMemory] has it, or no
  /// step touches it.
  default boolean isInWorkspace(int layerIndex, Operand operand) {
    return true;
  }

  /// Memory in which a scratch operand of a layer lies that is not in the workspace, because its
  /// rows come from there or are needed there. Nothing else may ever lie in it.
  ///
  /// @param bytes that the operand takes
  default Optional<MemorySegment> ownMemory(int layerIndex, Operand operand, long bytes) {
    return Optional.empty();
  }

  /// The experts of a layer where they can begin with some rows before all are there. Results of a
  /// call whose steps ask for no such thing are there when the experts' last step ends.
  default Optional<ExpertPieces> pieces(StepContext context) {
    return Optional.empty();
  }

  /// Whether its steps have to run on the thread that ran them first.
  default boolean isBoundToThread() {
    return false;
  }

  /// Gives back what its steps hold beside weights. Called once, when the session is closed.
  @Override
  default void close() {}
}
