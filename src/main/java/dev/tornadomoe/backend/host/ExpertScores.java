package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import org.jspecify.annotations.Nullable;

/// What a [TopKGating] makes of one token's logits, whoever chooses by them: scores, and the
/// weights of those that are chosen. It keeps its own arrays.
final class ExpertScores {
  private final TopKGating gating;
  private final float[] scores;
  private final float[] chosen;
  private final float @Nullable [] factors;

  ExpertScores(TopKGating gating, Router router) {
    this.gating = gating;
    this.scores = new float[router.experts()];
    this.chosen = new float[gating.topK()];
    Bias scale = router.expertScale();
    this.factors = scale == null ? null : scale.toFloats();
  }

  /// Scores all experts.
  ///
  /// @return `[E]`, which the next token's overwrite
  float[] score(float[] logits) {
    System.arraycopy(logits, 0, scores, 0, scores.length);
    switch (gating.scoring()) {
      case SOFTMAX -> RouterMath.softmax(scores);
      case SIGMOID -> RouterMath.sigmoid(scores);
      case SQRT_SOFTPLUS -> RouterMath.sqrtSoftplus(scores);
      case SOFTMAX_OF_SELECTED, SIGMOID_OF_SELECTED -> {}
    }
    return scores;
  }

  /// Weighs the chosen ones, in double up to the end.
  ///
  /// @param ids `[k]`, the chosen
  /// @param weights `[k]`, filled
  void weigh(int[] ids, float[] weights) {
    for (int slot = 0; slot < ids.length; slot++) {
      chosen[slot] = scores[ids[slot]];
    }
    switch (gating.scoring()) {
      case SOFTMAX_OF_SELECTED -> RouterMath.softmax(chosen);
      case SIGMOID_OF_SELECTED -> RouterMath.sigmoid(chosen);
      case SOFTMAX, SIGMOID, SQRT_SOFTPLUS -> {}
    }
    double factor = gating.scale();
    if (gating.renormalise()) {
      factor /= Math.max(norm() + gating.epsilon(), gating.leastSum());
    }
    for (int slot = 0; slot < weights.length; slot++) {
      double own = factors == null ? 1 : factors[ids[slot]];
      weights[slot] = (float) (chosen[slot] * factor * own);
    }
  }

  private double norm() {
    double sum = 0;
    for (float weight : chosen) {
      sum += gating.norm() == 1 ? weight : Math.pow(weight, gating.norm());
    }
    return gating.norm() == 1 ? sum : Math.pow(sum, 1.0 / gating.norm());
  }
}
