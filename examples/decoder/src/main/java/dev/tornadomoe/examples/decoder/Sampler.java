package dev.tornadomoe.examples.decoder;

import java.util.Arrays;
import java.util.SplittableRandom;

/// Chooses the next token: one of the fewest most likely tokens whose probabilities make up `topP`
/// (nucleus sampling, arXiv:1904.09751).
public final class Sampler {
  private final double temperature;
  private final double topP;
  private final SplittableRandom random;

  /// @param temperature divides the logits; 0 takes the most likely token
  /// @param topP above 0, at most 1
  Sampler(double temperature, double topP, long seed) {
    this.temperature = temperature;
    this.topP = topP;
    random = new SplittableRandom(seed);
  }

  /// {@return the most likely token, of equal ones the first}
  ///
  /// @param logits `[vocabulary]`
  public static int greedy(float... logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  /// {@return the token that comes next}
  ///
  /// @param logits `[vocabulary]`
  int next(float... logits) {
    int best = greedy(logits);
    if (!Float.isFinite(logits[best])) {
      throw new DecoderException("the model's logits are not finite");
    }
    if (temperature == 0) {
      return best;
    }
    double total = 0;
    float[] weights = new float[logits.length];
    for (int i = 0; i < logits.length; i++) {
      weights[i] = (float) Math.exp((logits[i] - logits[best]) / temperature);
      total += weights[i];
    }
    float[] ascending = weights.clone();
    Arrays.sort(ascending);
    int least = logits.length;
    double kept = 0;
    while (least > 0 && kept < topP * total) {
      kept += ascending[--least];
    }
    double left = random.nextDouble() * kept;
    for (int i = 0; i < logits.length; i++) {
      left -= weights[i] >= ascending[least] ? weights[i] : 0;
      if (left < 0) {
        return i;
      }
    }
    return best; // by rounding
  }
}
