package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.IntStream;

/// What definitions of MoE blocks consist of, on the numbers of [BlockTensors].
final class BlockLoops {
  static final int TOP_K = 2;

  private BlockLoops() {}

  /// An expert with SiLU.
  static double[] mlp(String prefix, int expert, int size, double[] x) {
    return mlp(prefix, expert, size, x, (gate, up) -> silu(gate) * up);
  }

  /// @param activation of a gate and an up value
  static double[] mlp(
      String prefix, int expert, int size, double[] x, DoubleBinaryOperator activation) {
    double[] gate = product(prefix + "gate", expert, size, HIDDEN, x);
    double[] up = product(prefix + "up", expert, size, HIDDEN, x);
    double[] activated = new double[size];
    Arrays.setAll(activated, i -> activation.applyAsDouble(gate[i], up[i]));
    return product(prefix + "down", expert, HIDDEN, size, activated);
  }

  static double[] product(String what, int expert, int rows, int columns, double[] x) {
    double[] y = new double[rows];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        y[r] += BlockTensors.value(what, expert, r, c) * x[c];
      }
    }
    return y;
  }

  static void add(double[] sum, double factor, double[] row) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * row[i];
    }
  }

  static double[] doubles(float[] x) {
    return IntStream.range(0, x.length).mapToDouble(i -> x[i]).toArray();
  }

  static double[] plus(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] + b[i]).toArray();
  }

  static double[] sigmoid(double[] logits) {
    return Arrays.stream(logits).map(v -> 1 / (1 + Math.exp(-v))).toArray();
  }

  static double[] softmax(double[] logits) {
    double sum = Arrays.stream(logits).map(Math::exp).sum();
    return Arrays.stream(logits).map(v -> Math.exp(v) / sum).toArray();
  }

  static double bestTwo(double[] scores, int from) {
    double[] group = Arrays.copyOfRange(scores, from, from + 3);
    Arrays.sort(group);
    return group[1] + group[2];
  }

  /// The values of the two experts with the highest choice, 0 for the others.
  static double[] best(double[] choice, double[] values) {
    double[] sorted = choice.clone();
    Arrays.sort(sorted);
    double least = sorted[EXPERTS - TOP_K];
    return IntStream.range(0, EXPERTS)
        .mapToDouble(e -> choice[e] >= least ? values[e] : 0)
        .toArray();
  }

  static double[] normalised(double[] weights, double to) {
    double sum = Arrays.stream(weights).sum();
    return Arrays.stream(weights).map(w -> w / sum * to).toArray();
  }

  static double silu(double value) {
    return value / (1 + Math.exp(-value));
  }

  static double clamp(double value, double limit) {
    return Math.max(-limit, Math.min(limit, value));
  }
}
