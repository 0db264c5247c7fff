package dev.tornadomoe.backend.host;

/// [dev.tornadomoe.layer.SparseMixer] for one token at a time.
final class SparseMixerChoice implements TokenGating {
  private final float jitter;

  SparseMixerChoice(float jitter) {
    this.jitter = jitter;
  }

  @Override
  public void choose(float[] logits, int key, int[] ids, float[] weights) {
    ids[0] = highest(logits, -1);
    weights[0] = share(logits, ids[0], -1);
    ids[1] = highest(logits, ids[0]);
    weights[1] = share(logits, ids[1], ids[0]);
  }

  private static int highest(float[] logits, int without) {
    int best = -1;
    for (int e = 0; e < logits.length; e++) {
      if (e != without && (best < 0 || RouterMath.isHigher(logits[e], logits[best]))) {
        best = e;
      }
    }
    return best;
  }

  /// The share of the highest in a softmax over those close to it.
  private float share(float[] logits, int highest, int without) {
    float max = logits[highest];
    double sum = 0;
    for (int e = 0; e < logits.length; e++) {
      float distance = (max - logits[e]) / Math.max(Math.abs(logits[e]), max);
      // Not "<=": where both are 0 the distance is NaN, and the expert counts.
      if (e != without && !(distance > 2 * jitter)) {
        sum += RouterMath.exp(logits[e] - max);
      }
    }
    return (float) (1 / sum);
  }
}
