package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RowOperation;
import java.util.ArrayList;
import java.util.List;

/// Folds the norm into the sum right before it, which has each row at hand: one pass less over the
/// rows, and on a device one launch less. A sum with the down projection in it has only parts of
/// rows at a time, so its norm stays a step. The norm is the same to the bit.
final class FoldNorm {
  private FoldNorm() {}

  static LayerDraft apply(LayerDraft draft) {
    List<LayerDraft.Stage> stages = new ArrayList<>(draft.stages());
    for (int i = 1; i < stages.size(); i++) {
      Operation before = stages.get(i - 1).operation();
      if (stages.get(i).operation() instanceof RowOperation.Norm norm
          && before instanceof ReduceOperation.Reduce reduce
          && norm.source().equals(reduce.target())) {
        stages.set(
            i - 1,
            new LayerDraft.Stage(
                stages.get(i - 1).phase(), new ReduceOperation.ReduceNorm(reduce, norm)));
        stages.remove(i);
      }
    }
    return draft.withStages(stages);
  }
}
