package dev.tornadomoe.contract;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Latent;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// What a layer's output is, computed in double from the definition, without plan, steps or any
/// code of a backend: for each token the weighted sum over its experts, plus the shared expert.
final class NaiveMoe {
  private final MoeLayer layer;
  private final Map<Weight, double[][]> decoded = new HashMap<>();

  NaiveMoe(MoeLayer layer) {
    this.layer = layer;
  }

  /// Routed by the layer.
  double[] run(float[] hidden, int tokens) {
    return run(hidden, tokens, new int[tokens]);
  }

  /// Routed by the layer.
  ///
  /// @param keys what its router asks of each token beside
  double[] run(float[] hidden, int tokens, int[] keys) {
    return run(hidden, tokens, keys, new double[tokens][0]);
  }

  /// Routed by the layer, whose router hands on states.
  ///
  /// @param states `[M, R]` of the layer before, and then its own
  double[] run(float[] hidden, int tokens, double[][] states) {
    return run(hidden, tokens, new int[tokens], states);
  }

  private double[] run(float[] hidden, int tokens, int[] keys, double[][] states) {
    int topK = layer.topK();
    int[] ids = new int[tokens * topK];
    float[] weights = new float[tokens * topK];
    for (int t = 0; t < tokens; t++) {
      double[] x = normed(layer.norms().router(), row(hidden, t));
      RouterMlp mlp = layer.router().mlp();
      double[] y = mlp == null ? x : behind(mlp, x, states, t);
      double[] logits = linear(layer.router().weight(), layer.router().bias(), y);
      NaiveRouting.Choice choice = NaiveRouting.choose(layer.router(), logits, keys[t]);
      for (int s = 0; s < topK; s++) {
        ids[t * topK + s] = choice.ids()[s];
        weights[t * topK + s] = (float) choice.weights()[s];
      }
    }
    return run(hidden, tokens, ids, weights);
  }

  /// What the logits of a token are computed of.
  private double[] behind(RouterMlp mlp, double[] x, double[][] states, int token) {
    double[] own = linear(mlp.in().weight(), mlp.in().bias(), x);
    for (int i = 0; mlp.statesScale() != null && i < own.length; i++) {
      own[i] += states[token][i] * mlp.statesScale().toFloats()[i];
    }
    states[token] = own;
    double[] y = normed(mlp.norm(), own);
    for (RouterMlp.Linear hidden : mlp.hidden()) {
      double[] z = linear(hidden.weight(), hidden.bias(), y);
      y = Arrays.stream(z).map(value -> activate(mlp.activation(), true, value, value)).toArray();
    }
    return y;
  }

  /// Routed by the caller.
  double[] run(float[] hidden, int tokens, int[] ids, float[] weights) {
    int size = layer.hidden();
    int topK = layer.topK();
    double[] output = new double[tokens * size];
    for (int t = 0; t < tokens; t++) {
      double[] x = normed(layer.norms().experts(), row(hidden, t));
      Latent latent = layer.latent();
      double[] z = latent == null ? x : linear(latent.in(), latent.inBias(), x);
      double[] sum = new double[z.length];
      for (int s = 0; s < topK; s++) {
        int local = layer.experts().map().localOf(ids[t * topK + s]);
        double weight = weights[t * topK + s];
        if (ids[t * topK + s] >= layer.globalExperts() - layer.identityExperts()) {
          for (int i = 0; i < size; i++) {
            output[t * size + i] += weight * x[i];
          }
          continue;
        }
        if (local < 0) {
          continue;
        }
        double before = layer.routerWeightOnInput() ? weight : 1;
        double after = layer.routerWeightOnInput() ? 1 : weight;
        Mlp mlp = layer.experts().local().get(local);
        double[] y = expert(mlp, layer.experts().activation(), scaled(z, before));
        for (int i = 0; i < y.length; i++) {
          sum[i] += after * y[i];
        }
      }
      double[] routed = latent == null ? sum : linear(latent.out(), latent.outBias(), sum);
      for (int i = 0; i < size; i++) {
        output[t * size + i] += routed[i];
      }
      addShared(output, t, x);
      double[] result = Arrays.copyOfRange(output, t * size, (t + 1) * size);
      System.arraycopy(normed(layer.norms().output(), result), 0, output, t * size, size);
    }
    return output;
  }

  /// The definition, or the same row without a norm.
  private static double[] normed(WeightedNorm norm, double[] x) {
    if (norm == null) {
      return x;
    }
    double squares = Arrays.stream(x).map(value -> value * value).sum();
    double root = Math.sqrt(squares / x.length + norm.norm().epsilon());
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i] / root * norm.weights().getFloat(i) * norm.scale();
    }
    return y;
  }

  private void addShared(double[] output, int token, double[] x) {
    SharedExperts shared = layer.shared();
    if (shared == null) {
      return;
    }
    double factor = shared.gate() == null ? 1 : sigmoid(linear(shared.gate(), null, x)[0]);
    Activation activation =
        shared.ownActivation() == null ? layer.experts().activation() : shared.ownActivation();
    double[] y = expert(shared.mlp(), activation, x);
    for (int i = 0; i < y.length; i++) {
      output[token * y.length + i] += factor * y[i];
    }
  }

  private double[] row(float[] hidden, int token) {
    double[] x = new double[layer.hidden()];
    for (int i = 0; i < x.length; i++) {
      x[i] = hidden[token * x.length + i];
    }
    return x;
  }

  private static double[] scaled(double[] x, double factor) {
    double[] y = x.clone();
    for (int i = 0; i < y.length; i++) {
      y[i] *= factor;
    }
    return y;
  }

  private double[] expert(Mlp mlp, Activation activation, double[] x) {
    double[] up = linear(mlp.up(), mlp.upBias(), x);
    double[] gate = mlp.gate() == null ? null : linear(mlp.gate(), mlp.gateBias(), x);
    double[] activated = new double[up.length];
    for (int i = 0; i < up.length; i++) {
      activated[i] = activate(activation, gate == null, gate == null ? up[i] : gate[i], up[i]);
    }
    return linear(mlp.down(), mlp.downBias(), activated);
  }

  private static double activate(Activation activation, boolean plain, double g, double u) {
    double a =
        switch (activation.function()) {
          case SILU -> g * sigmoid(g);
          case GELU -> g * normalDistribution(g);
          case GELU_TANH ->
              0.5 * g * (1 + Math.tanh(0.7978845608028654 * (g + 0.044715 * Math.pow(g, 3))));
          case RELU -> g > 0 ? g : 0;
          case RELU_SQUARED -> g > 0 ? g * g : 0;
          case SWIGLU_OAI -> {
            double clamped = g > activation.limit() ? activation.limit() : g;
            yield clamped * sigmoid(1.702f * clamped);
          }
          case SWIGLU_CLAMPED -> {
            double clamped = g > activation.limit() ? activation.limit() : g;
            yield clamped / (1 + Math.exp(-clamped));
          }
          case SWIGLU_STEP -> {
            double silu = g / (1 + Math.exp(-g));
            yield silu > activation.limit() ? activation.limit() : silu;
          }
        };
    if (plain) {
      return a;
    }
    double limit = activation.limit();
    double clamped = u > limit ? limit : u < -limit ? -limit : u;
    return switch (activation.function()) {
      case SWIGLU_OAI -> a * (clamped + 1);
      case SWIGLU_CLAMPED, SWIGLU_STEP -> a * clamped;
      default -> a * u;
    };
  }

  /// Phi(x) by Simpson's rule from -12: slow and without any library's error function.
  private static double normalDistribution(double x) {
    int steps = 20_000;
    double from = -12;
    double h = (Math.max(from, x) - from) / steps;
    double sum = density(from) + density(Math.max(from, x));
    for (int i = 1; i < steps; i++) {
      sum += (i % 2 == 0 ? 2 : 4) * density(from + i * h);
    }
    return sum * h / 3;
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private double[] linear(Weight weight, Bias bias, double[] x) {
    double[][] matrix = decoded.computeIfAbsent(weight, NaiveMoe::decode);
    double[] y = new double[matrix.length];
    float[] biases = bias == null ? new float[y.length] : bias.toFloats();
    for (int r = 0; r < y.length; r++) {
      double sum = 0;
      for (int c = 0; c < x.length; c++) {
        sum += matrix[r][c] * x[c];
      }
      y[r] = sum + biases[r];
    }
    return y;
  }

  private static double[][] decode(Weight weight) {
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      double[][] values = new double[matrix.rows()][matrix.columns()];
      float[] row = new float[matrix.columns()];
      for (int r = 0; r < values.length; r++) {
        matrix.decodeRow(r, row);
        for (int c = 0; c < row.length; c++) {
          values[r][c] = row[c];
        }
      }
      return values;
    }
  }
}
