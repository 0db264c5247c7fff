package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import java.util.ArrayList;
import java.util.List;

/// Folds `target += addend` into the operation that finishes the target's rows, which saves a pass
/// over them. Proven by the order alone: the addend's value is there when that operation runs, and
/// nobody touches the target in between. The sum is the same to the bit, since the operation adds
/// in the same order.
final class FoldAdditions {
  private FoldAdditions() {}

  static LayerDraft apply(LayerDraft draft) {
    List<LayerDraft.Stage> stages = new ArrayList<>(draft.stages());
    for (int i = 0; i < stages.size(); ) {
      int producer =
          stages.get(i).operation() instanceof RowOperation.Add add ? producer(stages, i, add) : -1;
      if (producer < 0) {
        i++;
        continue;
      }
      RowOperation.Add add = (RowOperation.Add) stages.remove(i).operation();
      LayerDraft.Stage finishing = stages.get(producer);
      stages.set(
          producer,
          new LayerDraft.Stage(
              finishing.phase(),
              ((ReduceOperation.Finishing) finishing.operation()).adding(add.addend())));
    }
    return draft.withStages(stages);
  }

  /// The stage that can take over the addition, or -1.
  private static int producer(List<LayerDraft.Stage> stages, int at, RowOperation.Add add) {
    for (int i = at - 1; i >= 0; i--) {
      Operation operation = stages.get(i).operation();
      if (operation instanceof ReduceOperation.Finishing finishing
          && finishing.target().equals(add.target())) {
        return i;
      }
      if (touches(operation, add.target()) || writes(operation, add.addend())) {
        return -1;
      }
    }
    return -1;
  }

  private static boolean touches(Operation operation, Operand operand) {
    return operation.accesses().stream().anyMatch(access -> access.operand().equals(operand));
  }

  private static boolean writes(Operation operation, Operand operand) {
    return operation.accesses().stream()
        .filter(Access::writes)
        .anyMatch(access -> access.operand().equals(operand));
  }
}
