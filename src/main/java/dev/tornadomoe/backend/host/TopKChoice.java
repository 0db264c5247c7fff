package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// [TopKGating] for one token at a time.
final class TopKChoice implements TokenGating {
  private final TopKGating gating;
  private final float @Nullable [] correction;
  private final ExpertScores experts;
  private final float[] choice;
  private final boolean[] closedGroups;
  private final boolean[] taken;

  TopKChoice(TopKGating gating, Router router) {
    this.gating = gating;
    this.correction = router.corrections();
    this.experts = new ExpertScores(gating, router);
    this.choice = new float[router.experts()];
    this.taken = new boolean[router.experts()];
    TopKGating.Groups groups = gating.groups();
    this.closedGroups = new boolean[groups == null ? 0 : groups.count()];
  }

  @Override
  public void choose(float[] logits, int key, int[] ids, float[] weights) {
    float[] scores = experts.score(logits);
    for (int e = 0; e < scores.length; e++) {
      choice[e] = correction == null ? scores[e] : scores[e] + correction[e];
    }
    if (gating.groups() != null) {
      closeGroups(gating.groups());
    }
    Arrays.fill(taken, false);
    for (int slot = 0; slot < ids.length; slot++) {
      int best = highest();
      taken[best] = true;
      ids[slot] = best;
    }
    experts.weigh(ids, weights);
  }

  private void closeGroups(TopKGating.Groups groups) {
    int size = choice.length / groups.count();
    Arrays.fill(closedGroups, true);
    for (int kept = 0; kept < groups.kept(); kept++) {
      int best = -1;
      float bestScore = Float.NEGATIVE_INFINITY;
      for (int group = 0; group < groups.count(); group++) {
        float score = groupScore(groups.score(), group * size, size);
        if (closedGroups[group] && (best < 0 || RouterMath.isHigher(score, bestScore))) {
          best = group;
          bestScore = score;
        }
      }
      closedGroups[best] = false;
    }
    for (int e = 0; e < choice.length; e++) {
      if (closedGroups[e / size]) {
        choice[e] = groups.zeroed() ? 0 : Float.NEGATIVE_INFINITY;
      }
    }
  }

  private float groupScore(TopKGating.GroupScore kind, int from, int size) {
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (int e = from; e < from + size; e++) {
      if (RouterMath.isHigher(choice[e], first)) {
        second = first;
        first = choice[e];
      } else if (RouterMath.isHigher(choice[e], second)) {
        second = choice[e];
      }
    }
    return kind == TopKGating.GroupScore.MAX ? first : first + second;
  }

  /// The highest that is not taken; of equal ones the first, those in kept groups before others.
  private int highest() {
    int best = -1;
    for (int e = 0; e < choice.length; e++) {
      if (!taken[e]
          && (best < 0
              || RouterMath.isHigher(choice[e], choice[best])
              || (choice[e] == choice[best] && isOpen(e) && !isOpen(best)))) {
        best = e;
      }
    }
    return best;
  }

  /// Whether an expert's score is its own. One of 0 in place of it is as good as any 0.
  private boolean isOpen(int expert) {
    TopKGating.Groups groups = gating.groups();
    return groups == null
        || groups.zeroed()
        || !closedGroups[expert / (choice.length / groups.count())];
  }
}
