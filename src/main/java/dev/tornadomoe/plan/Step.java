package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.RowOperation;
import java.util.Locale;

/// One operation of a plan. Steps run in the order of their indices.
///
/// @param index its index in the bucket, from 0, across layers
/// @param layer the layer's index in the plan, from 0
/// @param phase which part of the layer it belongs to
/// @param operation what it does
public record Step(int index, int layer, Phase phase, Operation operation) {

  /// {@return how many rows it works on}
  ///
  /// @param tokens of the call, or of a chunk of it
  /// @param prepareAndFinalize of this step's layer
  public int rows(int tokens, PrepareAndFinalize prepareAndFinalize) {
    return phase == Phase.EXPERTS ? prepareAndFinalize.expertTokens(tokens) : tokens;
  }

  /// {@return whether it only copies rows into the caller's output}
  public boolean isOutputCopy() {
    return isOutputCopy(operation);
  }

  static boolean isOutputCopy(Operation operation) {
    return operation instanceof RowOperation.Copy copy && copy.target().equals(Operand.OUTPUT);
  }

  /// As in `3 "weight + reduce"`.
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%d \"%s\"", index, operation.name());
  }
}
