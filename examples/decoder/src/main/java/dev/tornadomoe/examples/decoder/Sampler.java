package dev.tornadomoe.examples.decoder;

import java.util.Arrays;
import java.util.SplittableRandom;

/// Chooses the next token.
@FunctionalInterface
public interface Sampler {

  /// The token that comes next.
  ///
  /// @param logits `[vocabulary]`
  int next(float[] logits);

  /// The most likely token; of equal ones the first.
  static Sampler greedy() {
    return logits -> {
      int best = 0;
      for (int i = 1; i < logits.length; i++) {
        if (logits[i] > logits[best]) {
          best = i;
        }
      }
      return best;
    };
  }

  /// One of the fewest most likely tokens whose probabilities make up `topP` (nucleus sampling,
  /// arXiv:1904.09751).
  ///
  /// @param temperature divides the logits, above 0
  /// @param topP above 0, at most 1
  static Sampler nucleus(double temperature, double topP, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return logits -> {
      double largest = Double.NEGATIVE_INFINITY;
      for (float logit : logits) {
        largest = Math.max(largest, logit);
      }
      double[] weights = new double[logits.length];
      double total = 0;
      for (int i = 0; i < weights.length; i++) {
        weights[i] = Math.exp((logits[i] - largest) / temperature);
        total += weights[i];
      }
      // A double has no room for the token beside its weight, a long has: weights up to 1 are
      // ordered as their bits are, and what is cut off of them matters to nobody.
      long[] order = new long[weights.length];
      for (int i = 0; i < order.length; i++) {
        order[i] = ((long) Float.floatToRawIntBits((float) weights[i]) << Integer.SIZE) | i;
      }
      Arrays.sort(order);
      int first = order.length;
      double kept = 0;
      while (first > 0 && kept < topP * total) {
        kept += weights[(int) order[--first]];
      }
      double left = random.nextDouble() * kept;
      for (int at = order.length - 1; at > first; at--) {
        left -= weights[(int) order[at]];
        if (left < 0) {
          return (int) order[at];
        }
      }
      return (int) order[first];
    };
  }
}
