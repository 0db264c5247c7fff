package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TableGating;

/// [TableGating] for one token at a time. The table is read where it lies: it has been checked when
/// the weights were loaded.
final class TableChoice implements TokenGating {
  private final TableGating gating;
  private final ExpertScores scores;

  TableChoice(TableGating gating, Router router) {
    this.gating = gating;
    this.scores = new ExpertScores(gating.scores(), router);
  }

  @Override
  public void choose(float[] logits, int key, int[] ids, float[] weights) {
    scores.score(logits);
    for (int slot = 0; slot < ids.length; slot++) {
      ids[slot] = (int) gating.expert(key, slot);
    }
    scores.weigh(ids, weights);
  }
}
