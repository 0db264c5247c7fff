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
      double largest = logits[greedy().next(logits)];
      double total = 0;
      // Weights up to 1 are ordered as their bits are, and the token fits behind them in a long.
      long[] order = new long[logits.length];
      for (int i = 0; i < order.length; i++) {
        float weight = (float) Math.exp((logits[i] - largest) / temperature);
        total += weight;
        order[i] = ((long) Float.floatToRawIntBits(weight) << Integer.SIZE) | i;
      }
      Arrays.sort(order);
      int first = order.length;
      double kept = 0;
      while (first > 0 && kept < topP * total) {
        kept += weight(order[--first]);
      }
      double left = random.nextDouble() * kept;
      int chosen = order.length - 1;
      while (chosen > first && left >= weight(order[chosen])) {
        left -= weight(order[chosen--]);
      }
      return (int) order[chosen];
    };
  }

  private static float weight(long weightAndToken) {
    return Float.intBitsToFloat((int) (weightAndToken >>> Integer.SIZE));
  }
}
