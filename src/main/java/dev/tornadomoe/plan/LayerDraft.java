package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.Workspace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One layer on its way to a plan: what is done, in order, and what scratch it takes. Passes make
/// new drafts of it.
///
/// @param layer the layer
/// @param modularMoe what it is computed by
/// @param problem its sizes at the bucket's most tokens
/// @param stages what is done, in order
/// @param scratch operands that need memory of the workspace
/// @param aliased whether `fused_out` is the output
record LayerDraft(
    MoeLayer layer,
    ModularMoe modularMoe,
    Problem problem,
    List<Stage> stages,
    Map<Operand, Workspace> scratch,
    boolean aliased) {

  /// One operation.
  record Stage(Phase phase, Operation operation) {}

  LayerDraft withStages(List<Stage> replaced) {
    return new LayerDraft(layer, modularMoe, problem, List.copyOf(replaced), scratch, aliased);
  }

  /// The draft in which the experts write the output: without the copy and without `fused_out`.
  LayerDraft withAlias() {
    List<Stage> kept = new ArrayList<>(stages);
    kept.removeIf(stage -> stage.operation().equals(handOver()));
    Map<Operand, Workspace> left = new LinkedHashMap<>(scratch);
    left.remove(Operand.FUSED_OUT);
    return new LayerDraft(layer, modularMoe, problem, List.copyOf(kept), left, true);
  }

  /// Whether `fused_out` is copied to the output once, and the one is used only before and the
  /// other only after that: only then can they be two names of the same rows.
  boolean onlyHandsOver() {
    boolean handed = false;
    for (Stage stage : stages) {
      if (stage.operation().equals(handOver())) {
        if (handed) {
          return false;
        }
        handed = true;
      } else if (uses(stage.operation(), handed ? Operand.FUSED_OUT : Operand.OUTPUT)) {
        return false;
      }
    }
    return handed;
  }

  /// Whether a step of somebody's own code finishes the output: it writes rows side by side, as it
  /// does everywhere.
  boolean finishesOutputByCustomStep() {
    return stages.stream()
        .anyMatch(stage ->
            stage.phase() == Phase.FINALIZE
                && stage.operation() instanceof CustomOperation
                && uses(stage.operation(), Operand.OUTPUT));
  }

  private static boolean uses(Operation operation, Operand operand) {
    return operation.accesses().stream().anyMatch(access -> access.operand().equals(operand));
  }

  /// Whether these do nothing but copy finished rows to the output.
  static boolean isHandOver(List<Operation> finish) {
    return finish.equals(List.of(handOver()));
  }

  /// The copy that an alias saves.
  static RowOperation.Copy handOver() {
    return new RowOperation.Copy(Operand.FUSED_OUT, Operand.OUTPUT);
  }

  /// Copies into the output.
  int copies() {
    return (int) stages.stream().filter(stage -> Step.isOutputCopy(stage.operation())).count();
  }
}
