package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.WeightedNorm;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Which experts every backend must choose where scores tie in F32, overflow or vanish: those with
/// the lower index, as if each operation of the router's definition were rounded to F32.
///
/// Token j is 0 but for its element j, so that its logits are column j of the router's weight.
public abstract class RoutingContract extends BackendContract {
  private static final int H = 24;
  private static final int E = 12;

  /// What hidden states are multiplied by, and weights divided, to make logits of infinity.
  private static final float LARGE = 1e10f;

  private static final float INF = Float.POSITIVE_INFINITY;

  /// Logits `[cases, E]`. Softmax's exponentials are normal numbers or 0, never between them, where
  /// devices may round to 0.
  private static final float[][] LOGITS = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5},
    {2, -1, 4, 4, -3, 4, 0.5f, 4, 4, 1, -2, 4},
    {20, 30, 40, 50, 60, 70, 80, 90, 75, 65, 55, 45}, // sigmoids are 1
    {1, 25, 18, 30, 40, 2, 60, 19, -5, 0, 3, 22},
    {-2, 1, 16, 2, 0.5f, 33, 3, 34, 31, 32, -1, 35},
    {-95, -96, -97, -94, -93, -98, -99, -100, -101, -92, -91, -90}, // and 0
    {0, -200, -150, -120, -300, -180, -170, -160, -250, -140, -400, -130},
    {-12, -13, -14, -12.5f, -15, -16, -11, -13.5f, -12.25f, -14.5f, -11.5f, -17}, // near 0
    {1e30f, -1e30f, 2e30f, 1e30f, 0, 5, -7, 2e30f, 1e29f, 1e30f, -1e20f, 3},
    {1, 2, INF, 4, 5, 6, 7, 8, -1, -2, -3, -4},
    {1, INF, 3, INF, INF, 0, INF, 2, INF, 4, -5, INF},
    {INF, INF, INF, INF, INF, INF, INF, INF, INF, INF, INF, INF},
    {1, -INF, 3, -INF, -INF, 5, -INF, 2, -INF, 4, -INF, 0},
    {-INF, -INF, -INF, -INF, -INF, -INF, -INF, 2, -INF, -INF, -INF, -INF},
    {-INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF},
    {1, INF, 3, -INF, 2, 0, -INF, 7, 20, 30, INF, -20},
  };

  /// Lost in a score of 1, so that the highest bias is not the first choice.
  private static final float[] LOST_BIASES = {
    0, 1e-9f, 2e-9f, 3e-9f, 4e-9f, 5e-9f, 6e-9f, 7e-9f, 8e-9f, 9e-9f, 1e-8f, 1.1e-8f
  };

  private static final float[] BIASES = {
    0.5f, 0.25f, 0.5f, 0, 0.75f, 0.25f, 0, 0.75f, 0.5f, -0.5f, 0.25f, 0.5f
  };

  /// A kind of router.
  record Kind(String name, Gating gating, float[] biases, boolean onInput) {
    Kind(String name, Gating gating) {
      this(name, gating, null, false);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static TopKGating topK(TopKGating.Scoring scoring, boolean renormalise) {
    return new TopKGating(3, scoring, null, renormalise, 1.5f);
  }

  static Stream<Kind> kinds() {
    TopKGating sigmoid = topK(TopKGating.Scoring.SIGMOID, true);
    TopKGating softmax = topK(TopKGating.Scoring.SOFTMAX, false);
    TopKGating.Groups byTwo = new TopKGating.Groups(4, 2, TopKGating.GroupScore.SUM_OF_TWO);
    TopKGating.Groups byMax = new TopKGating.Groups(3, 2, TopKGating.GroupScore.MAX);
    return Stream.of(
        new Kind("softmax", softmax),
        new Kind("softmax, renormalised", topK(TopKGating.Scoring.SOFTMAX, true)),
        new Kind("softmax, corrected", softmax, BIASES, false),
        new Kind("softmax, grouped by max", softmax.grouped(byMax)),
        new Kind("sigmoid", topK(TopKGating.Scoring.SIGMOID, false)),
        new Kind("sigmoid, renormalised", sigmoid),
        new Kind("sigmoid, at least 2^-14", sigmoid.withEpsilon(0).withLeastSum(0x1p-14f)),
        new Kind("sigmoid, corrected", sigmoid, BIASES, false),
        new Kind("sigmoid, corrected by little", sigmoid, LOST_BIASES, false),
        new Kind("sigmoid, grouped by two", sigmoid.grouped(byTwo)),
        new Kind("sigmoid, grouped by two, corrected", sigmoid.grouped(byTwo), BIASES, false),
        new Kind(
            "sigmoid, grouped by two, corrected by little",
            sigmoid.grouped(byTwo),
            LOST_BIASES,
            false),
        new Kind(
            "sigmoid, grouped by two, others zeroed, corrected",
            sigmoid.grouped(new TopKGating.Groups(4, 1, TopKGating.GroupScore.SUM_OF_TWO, true)),
            BIASES,
            false),
        new Kind("sigmoid, the last always", sigmoid.withAlways(1)),
        new Kind(
            "sigmoid, the last two always, corrected",
            topK(TopKGating.Scoring.SIGMOID, true).withAlways(2),
            Arrays.copyOf(BIASES, E - 2),
            false),
        new Kind("softmax by 2-norm", topK(TopKGating.Scoring.SOFTMAX, true).withNorm(2)),
        new Kind("softmax of selected", topK(TopKGating.Scoring.SOFTMAX_OF_SELECTED, false)),
        new Kind(
            "sigmoid of selected, on the input",
            new TopKGating(1, TopKGating.Scoring.SIGMOID_OF_SELECTED, null, false, 1),
            null,
            true),
        new Kind("sparse mixer", new SparseMixer(0.01f)),
        new Kind("sparse mixer, wide", new SparseMixer(0.4f)),
        new Kind(
            "square root of softplus, corrected",
            topK(TopKGating.Scoring.SQRT_SOFTPLUS, true),
            BIASES,
            false));
  }

  /// Plans for what is run: one token works pair by pair, more are grouped by expert.
  private static Planner.Builder planner(int tokens) {
    return Planner.builder()
        .maxTokens(tokens)
        .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), new HybridExperts(1)));
  }

  private static float factor(int token) {
    for (float logit : LOGITS[token]) {
      if (Float.isInfinite(logit)) {
        return LARGE;
      }
    }
    return 1;
  }

  /// A layer whose logits are [#LOGITS] for the tokens of [#hidden].
  private static MoeLayer layer(Kind kind) {
    float[] weight = new float[E * H];
    for (int token = 0; token < LOGITS.length; token++) {
      for (int e = 0; e < E; e++) {
        float logit = LOGITS[token][e];
        weight[e * H + token] =
            Float.isInfinite(logit) ? Math.copySign(1e30f, logit) : logit / factor(token);
      }
    }
    return layer(kind, weight);
  }

  private static MoeLayer layer(Kind kind, float[] weight) {
    MoeLayer random =
        RandomLayer.of(
            LayerSpec.odd().sized(H, 16, E, TopKGating.softmax(kind.gating().topK(), true)), 51);
    Router router =
        new Router(
            Weight.dense(tensor("router", weight, E, H)),
            null,
            kind.biases() == null
                ? null
                : Bias.of(tensor("correction", kind.biases(), kind.biases().length)),
            kind.gating());
    return new MoeLayer(0, kind.gating().topK(), router, random.experts(), null, kind.onInput());
  }

  private static TensorView tensor(String name, float[] values, long... shape) {
    return new TensorView(name, DType.F32, Shape.of(shape), MemorySegment.ofArray(values));
  }

  private static float[] hidden(int token) {
    float[] row = new float[H];
    row[token] = factor(token);
    return row;
  }

  private static double[] expected(MoeLayer layer, int token) {
    double[] logits = new double[E];
    for (int e = 0; e < E; e++) {
      logits[e] = LOGITS[token][e];
    }
    NaiveRouting.Choice choice = NaiveRouting.choose(layer.router(), logits, 0);
    float[] weights = new float[choice.ids().length];
    for (int s = 0; s < weights.length; s++) {
      weights[s] = (float) choice.weights()[s];
    }
    return new NaiveMoe(layer).run(hidden(token), 1, choice.ids(), weights);
  }

  private static void assertRow(float[] found, double[] expected, String what) {
    if (Arrays.stream(expected).anyMatch(Double::isNaN)) {
      for (float value : found) {
        assertThat(value).as(what).isNaN();
      }
      return;
    }
    double most = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    for (int i = 0; i < found.length; i++) {
      assertThat(Math.abs(found[i] - expected[i])).as(what).isLessThanOrEqualTo(most * 2e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void choosesByScoresInSinglePrecision(Kind kind) {
    MoeLayer layer = layer(kind);
    int tokens = LOGITS.length;
    MoePlan plan = planner(tokens).build().plan(layer);
    float[] all = new float[tokens * H];
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(hidden(token), 0, all, token * H, H);
    }
    try (Session session = backend().prepare(plan)) {
      float[] together = new float[all.length];
      session.run(Rows.of(all), tokens, Rows.of(together));
      for (int token = 0; token < tokens; token++) {
        float[] alone = new float[H];
        session.run(Rows.of(hidden(token)), 1, Rows.of(alone));
        double[] expected = expected(layer, token);
        String what = kind + ", logits " + Arrays.toString(LOGITS[token]);
        assertRow(alone, expected, what + ", alone");
        assertRow(Arrays.copyOfRange(together, token * H, (token + 1) * H), expected, what);
      }
    }
  }

  /// `0 * infinity` is a logit of NaN, which is the highest in `torch.topk`; so the result is NaN.
  @ParameterizedTest
  @MethodSource("kinds")
  void aLogitOfNanIsNotLost(Kind kind) {
    float[] weight = new float[E * H];
    for (int e = 0; e < E; e++) {
      weight[e * H] = 1 + e;
    }
    weight[5 * H + 1] = INF;
    try (Session session = backend().prepare(planner(1).build().plan(layer(kind, weight)))) {
      float[] hidden = new float[H];
      hidden[0] = 1;
      float[] output = new float[H];
      session.run(Rows.of(hidden), 1, Rows.of(output));
      for (float value : output) {
        assertThat(value).isNaN();
      }
    }
  }

  @Test
  void namesANanInTheRouter() {
    Kind kind = kinds().skip(7).findFirst().orElseThrow();
    float[] weight = new float[E * H];
    weight[3 * H + 4] = Float.NaN;
    assertNamed(layer(kind, weight), "router tensor \"router\" is NaN for expert 3, column 4");
    float[] biases = BIASES.clone();
    biases[6] = Float.NaN;
    assertNamed(
        layer(new Kind("", kind.gating(), biases, false)),
        "router tensor \"correction\" is NaN for expert 6");
    float[] norm = new float[H];
    norm[5] = Float.NaN;
    TensorView weights =
        new TensorView("router norm", DType.F32, Shape.of(H), MemorySegment.ofArray(norm));
    assertNamed(
        layer(kind)
            .withNorms(new OwnNorms(new WeightedNorm(new RmsNorm(1e-6f), weights, 1), null, null)),
        "router tensor \"router norm\" is NaN for column 5");
  }

  private void assertNamed(MoeLayer layer, String sentence) {
    MoePlan plan = planner(1).build().plan(layer);
    assertThatThrownBy(() -> backend().prepare(plan))
        .isInstanceOf(MoeException.class)
        .hasMessageContaining(sentence)
        .hasMessageContaining("expected numbers");
  }

  @Test
  void namesANanInTheCallersWeights() {
    MoeLayer layer = layer(new Kind("", TopKGating.softmax(3, true)));
    MoePlan plan = planner(2).callerRoutes(true).build().plan(layer);
    try (Session session = backend().prepare(plan)) {
      float[] weights = {0.5f, 0.25f, 0.25f, 0.5f, Float.NaN, 0.5f};
      MoeCall call =
          new MoeCall()
              .hidden(Rows.of(new float[2 * H]), 2)
              .routing(Rows.of(new int[] {0, 1, 2, 3, 4, 5}), Rows.of(weights))
              .output(Rows.of(new float[2 * H]));
      assertThatThrownBy(() -> session.run(call))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("topk_weights has NaN for token 1 in place 1");
      weights[4] = 0;
      session.run(call);
    }
  }

  @Test
  void aCallThatIsNullIsRefused() {
    MoeLayer layer = layer(new Kind("", TopKGating.softmax(3, true)));
    try (Session session = backend().prepare(planner(1).build().plan(layer))) {
      assertThatThrownBy(() -> session.run(null))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("there is no call");
      assertThatThrownBy(() -> session.run(null, 1, Rows.of(new float[H])))
          .isInstanceOf(MoeException.class)
          .hasMessageContaining("the call has no hidden");
      session.run(Rows.of(new float[H]), 1, Rows.of(new float[H]));
    }
  }
}
