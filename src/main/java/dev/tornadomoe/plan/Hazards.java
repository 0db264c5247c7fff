package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds reads of a caller's value that come too late when the output is the same memory.
final class Hazards {
  private Hazards() {}

  /// The first read of a value at or after the first write to memory that it shares.
  ///
  /// @param draft the layer
  /// @param value the caller's operand whose memory is written over
  /// @param written the operands that are the output's memory
  /// @return null when every read comes before
  static @Nullable Hazard find(LayerDraft draft, Operand value, Set<Operand> written) {
    List<LayerDraft.Stage> stages = draft.stages();
    int write = 0;
    while (write < stages.size() && !writesAny(stages.get(write).operation(), written)) {
      write++;
    }
    if (write == stages.size()) {
      return null;
    }
    for (int i = write; i < stages.size(); i++) {
      Operation operation = stages.get(i).operation();
      for (Access access : operation.accesses()) {
        if (access.operand().equals(value)
            && access.reads()
            && !(i == write && readsBeforeItWrites(draft, stages.get(i), access))) {
          return Hazard.ofCallerValue(value.name(), stages, i, write);
        }
      }
    }
    return null;
  }

  /// What experts promise of their own steps is no promise of prepare or finalize, nor of ours:
  /// what those read and when is what they declare.
  private static boolean readsBeforeItWrites(
      LayerDraft draft, LayerDraft.Stage stage, Access access) {
    return access.mode() == Access.Mode.READ_ELEMENTWISE
        || (stage.phase() == Phase.EXPERTS
            && stage.operation() instanceof CustomOperation
            && draft
                .modularMoe()
                .experts()
                .capabilities()
                .contains(Capability.INPUT_CONSUMED_BEFORE_OUTPUT));
  }

  private static boolean writesAny(Operation operation, Set<Operand> operands) {
    return operation.accesses().stream()
        .anyMatch(access -> access.writes() && operands.contains(access.operand()));
  }
}
