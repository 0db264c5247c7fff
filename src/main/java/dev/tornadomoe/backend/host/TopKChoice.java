package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// [TopKGating] for one token at a time, in double precision. A NaN is never selected while a
/// number is left, but its weight carries it on.
final class TopKChoice implements TokenGating {
  private final TopKGating gating;
  private final float @Nullable [] correction;
  private final double[] scores;
  private final double[] choice;
  private final double[] chosen;
  private final boolean[] closedGroups;
  private final boolean[] taken;

  TopKChoice(TopKGating gating, Router router) {
    this.gating = gating;
    Bias bias = router.correctionBias();
    this.correction = bias == null ? null : bias.toFloats();
    this.scores = new double[router.experts()];
    this.choice = new double[router.experts()];
    this.chosen = new double[gating.topK()];
    this.taken = new boolean[router.experts()];
    TopKGating.Groups groups = gating.groups();
    this.closedGroups = new boolean[groups == null ? 0 : groups.count()];
  }

  @Override
  public void choose(float[] logits, int[] ids, float[] weights) {
    score(logits);
    for (int e = 0; e < scores.length; e++) {
      double value = correction == null ? scores[e] : scores[e] + correction[e];
      choice[e] = Double.isNaN(value) ? Double.NEGATIVE_INFINITY : value;
    }
    if (gating.groups() != null) {
      closeGroups(gating.groups());
    }
    Arrays.fill(taken, false);
    for (int slot = 0; slot < ids.length; slot++) {
      int best = highest();
      taken[best] = true;
      ids[slot] = best;
      chosen[slot] = scores[best];
    }
    weigh();
    for (int slot = 0; slot < ids.length; slot++) {
      weights[slot] = (float) chosen[slot];
    }
  }

  private void score(float[] logits) {
    switch (gating.scoring()) {
      case SOFTMAX -> {
        for (int e = 0; e < scores.length; e++) {
          scores[e] = logits[e];
        }
        softmax(scores);
      }
      case SIGMOID -> {
        for (int e = 0; e < scores.length; e++) {
          scores[e] = sigmoid(logits[e]);
        }
      }
      case SOFTMAX_OF_SELECTED, SIGMOID_OF_SELECTED -> {
        for (int e = 0; e < scores.length; e++) {
          scores[e] = logits[e];
        }
      }
    }
  }

  private void closeGroups(TopKGating.Groups groups) {
    int size = choice.length / groups.count();
    Arrays.fill(closedGroups, true);
    for (int kept = 0; kept < groups.kept(); kept++) {
      int best = -1;
      double bestScore = Double.NEGATIVE_INFINITY;
      for (int group = 0; group < groups.count(); group++) {
        double score = groupScore(groups.score(), group * size, size);
        if (closedGroups[group] && (best < 0 || score > bestScore)) {
          best = group;
          bestScore = score;
        }
      }
      closedGroups[best] = false;
    }
    for (int e = 0; e < choice.length; e++) {
      if (closedGroups[e / size]) {
        choice[e] = Double.NEGATIVE_INFINITY;
      }
    }
  }

  private double groupScore(TopKGating.GroupScore kind, int from, int size) {
    double first = Double.NEGATIVE_INFINITY;
    double second = Double.NEGATIVE_INFINITY;
    for (int e = from; e < from + size; e++) {
      if (choice[e] > first) {
        second = first;
        first = choice[e];
      } else if (choice[e] > second) {
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
              || choice[e] > choice[best]
              || (choice[e] == choice[best] && isOpen(e) && !isOpen(best)))) {
        best = e;
      }
    }
    return best;
  }

  private boolean isOpen(int expert) {
    return closedGroups.length == 0
        || !closedGroups[expert / (choice.length / closedGroups.length)];
  }

  private void weigh() {
    switch (gating.scoring()) {
      case SOFTMAX_OF_SELECTED -> softmax(chosen);
      case SIGMOID_OF_SELECTED -> {
        for (int slot = 0; slot < chosen.length; slot++) {
          chosen[slot] = sigmoid(chosen[slot]);
        }
      }
      case SOFTMAX, SIGMOID -> {}
    }
    double factor = gating.scale();
    if (gating.renormalise()) {
      double sum = gating.epsilon();
      for (double weight : chosen) {
        sum += weight;
      }
      factor /= sum;
    }
    for (int slot = 0; slot < chosen.length; slot++) {
      chosen[slot] *= factor;
    }
  }

  private static void softmax(double[] values) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      max = Math.max(max, value);
    }
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.exp(values[i] - max);
      sum += values[i];
    }
    for (int i = 0; i < values.length; i++) {
      values[i] /= sum;
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
