package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What every backend must compute: each kind of layer, checked against its definition in double.
public abstract class ArithmeticContract extends BackendContract {
  private static final int[] TOKENS = {1, 4, 5, 6, 33};

  /// max |error| / rms that it may have.
  protected double tolerance() {
    return 2e-5;
  }

  static Stream<LayerSpec> layers() {
    LayerSpec odd = LayerSpec.odd();
    LayerSpec even =
        odd.with(WeightFormat.int4(DType.BF16, 32, false, false))
            .sized(128, 64, 16, TopKGating.softmax(4, true));
    return Stream.of(
            Stream.of(
                odd,
                odd.sized(64, 32, 8, TopKGating.softmax(2, true)),
                odd.sized(40, 24, 1, TopKGating.softmax(1, true)),
                odd.sized(72, 100, 7, TopKGating.softmax(7, false)),
                odd.sized(17, 3, 6, TopKGating.softmax(2, true)),
                even),
            formats().map(odd::with),
            formats().map(even::with),
            blocks().map(odd.sized(256, 512, 3, TopKGating.softmax(2, true))::with),
            activations(odd),
            gatings(odd),
            Stream.of(
                odd.withBiases(),
                even.withBiases(),
                odd.withBiases().with(Activation.swigluOai(7), true).named("gpt-oss-like"),
                odd.withShared(24, false),
                odd.withShared(56, true),
                even.withShared(64, true),
                odd.withIdentities(4),
                odd.withIdentities(9).withShared(24, true),
                odd.withWeightOnInput(),
                odd.withWeightOnInput().withShared(40, false)))
        .flatMap(s -> s);
  }

  private static Stream<WeightFormat> formats() {
    return Stream.of(
        WeightFormat.dense(DType.F32),
        WeightFormat.dense(DType.F16),
        WeightFormat.dense(DType.BF16),
        WeightFormat.int4(DType.BF16, 32, false, false),
        WeightFormat.int4(DType.F16, 64, true, false),
        WeightFormat.int4(DType.F32, 1024, false, false),
        WeightFormat.int4(DType.F16, 32, true, true),
        WeightFormat.int4(DType.F16, 128, false, true),
        WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128),
        WeightFormat.scaled(Coding.FP8, DType.BF16, 1, 0),
        WeightFormat.scaled(Coding.FP8, DType.F16, 0, 0),
        WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0),
        new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false),
        WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32),
        WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, 16));
  }

  private static Stream<WeightFormat> blocks() {
    return Stream.of("Q4_K", "Q6_K")
        .map(name -> BlockMatrix.format(BlockFormat.named(name).orElseThrow()));
  }

  private static Stream<LayerSpec> activations(LayerSpec base) {
    return Stream.of(
        base.with(Activation.SILU, false),
        base.with(Activation.GELU, true),
        base.with(Activation.GELU, false),
        base.with(Activation.GELU_TANH, true),
        base.with(Activation.GELU_TANH, false),
        base.with(Activation.RELU, true),
        base.with(Activation.RELU_SQUARED, false),
        base.with(Activation.swigluOai(0.5f), true));
  }

  private static Stream<LayerSpec> gatings(LayerSpec odd) {
    LayerSpec twelve = odd.sized(96, 40, 12, TopKGating.softmax(3, false));
    return Stream.of(
        twelve.with("softmax, not renormalised", TopKGating.softmax(3, false), false),
        twelve.with("softmax of selected", TopKGating.softmaxOfSelected(3), false),
        twelve.with("scaled", TopKGating.softmax(3, true).scaled(2.5f), false),
        twelve.with(
            "grouped by max",
            TopKGating.softmax(3, false)
                .scaled(1.5f)
                .grouped(new TopKGating.Groups(4, 2, TopKGating.GroupScore.MAX)),
            false),
        twelve.with(
            "sigmoid, correction bias, grouped by two",
            new TopKGating(
                3,
                TopKGating.Scoring.SIGMOID,
                new TopKGating.Groups(3, 2, TopKGating.GroupScore.SUM_OF_TWO),
                true,
                2.5f),
            true),
        twelve.with(
            "sigmoid with an epsilon of its own",
            new TopKGating(3, TopKGating.Scoring.SIGMOID, null, true, 1.5f, 0.25f),
            true),
        twelve.with(
            "softmax with an epsilon of its own",
            TopKGating.softmax(3, true).withEpsilon(0.25f),
            false),
        twelve.with("sparse mixer", new SparseMixer(0.01f), false),
        twelve.with("sparse mixer, wide", new SparseMixer(0.4f), false),
        twelve.with("the user's own", new CustomGating(2, ArithmeticContract::lowestTwo), false));
  }

  private static void lowestTwo(float[] logits, int[] ids, float[] weights) {
    for (int slot = 0; slot < 2; slot++) {
      int best = -1;
      for (int e = 0; e < logits.length; e++) {
        if ((slot == 0 || e != ids[0]) && (best < 0 || logits[e] < logits[best])) {
          best = e;
        }
      }
      ids[slot] = best;
      weights[slot] = 0.25f + slot;
    }
  }

  @ParameterizedTest
  @MethodSource("layers")
  void computesTheLayer(LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 11);
    NaiveMoe naive = new NaiveMoe(layer);
    MoePlan plan = Planner.builder().maxTokens(33).build().plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      for (int tokens : TOKENS) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 100 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  /// Experts may get more rows than the call has tokens, in buffers of prepare's own.
  @ParameterizedTest
  @ValueSource(strings = {"fused", "hybrid"})
  void prepareMayBringRowsOfOthers(String experts) {
    MoeLayer layer =
        RandomLayer.of(
            LayerSpec.odd()
                .with(WeightFormat.int4(DType.BF16, 32, true, false))
                .withShared(24, true),
            13);
    ModularMoe pieces = new ModularMoe(new TwoSidedEnds(), ExpertsCatalog.named(experts).experts());
    Planner planner = Planner.builder().maxTokens(33).sanitize(true).pieces(pieces).build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    NaiveMoe naive = new NaiveMoe(layer);
    try (Session session = backend().prepare(plan)) {
      for (int tokens : TOKENS) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 200 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  static Stream<Arguments> pieces() {
    LayerSpec int4 =
        LayerSpec.odd().with(WeightFormat.int4(DType.BF16, 32, true, false)).withShared(24, true);
    return Stream.of("fused", "hybrid", "unreduced", "batched")
        .flatMap(name ->
            Stream.of(int4, int4.withWeightOnInput(), int4.with(WeightFormat.dense(DType.BF16)))
                .map(spec -> Arguments.of(name, spec)));
  }

  @ParameterizedTest
  @MethodSource("pieces")
  void allExpertsComputeTheSame(String experts, LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 12);
    NaiveMoe naive = new NaiveMoe(layer);
    Planner planner = Planner.builder().maxTokens(33).pieces(ExpertsCatalog.named(experts)).build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      for (int tokens : TOKENS) {
        float[] hidden = Rows.random(tokens * layer.hidden(), 200 + tokens);
        float[] output = new float[hidden.length];
        session.run(Rows.of(hidden), tokens, Rows.of(output));
        Rows.assertClose(output, naive.run(hidden, tokens), tolerance());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("pieces")
  void takesGivenIdsWithIdleAndCrowdedExperts(String experts, LayerSpec spec) {
    MoeLayer layer = RandomLayer.of(spec, 13);
    int topK = layer.topK();
    int tokens = 9;
    int[] ids = new int[tokens * topK];
    float[] weights = Rows.random(ids.length, 31);
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 1 + i % topK; // expert 0 and the last ones get nobody, expert 1 gets every token
    }
    float[] hidden = Rows.random(tokens * layer.hidden(), 32);
    float[] output = new float[hidden.length];
    Planner planner =
        Planner.builder().callerRoutes().pieces(ExpertsCatalog.named(experts)).build();
    MoePlan plan = planner.plan(layer);
    if (isRefused(plan)) {
      return;
    }
    try (Session session = backend().prepare(plan)) {
      session.run(
          new MoeCall()
              .hidden(Rows.of(hidden), tokens)
              .routing(Rows.of(ids), Rows.of(weights))
              .output(Rows.of(output)));
    }
    Rows.assertClose(output, new NaiveMoe(layer).run(hidden, tokens, ids, weights), tolerance());
  }

  @Test
  void passesNonFiniteNumbersOnToTheirOwnTokenOnly() {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 14);
    int size = layer.hidden();
    float[] hidden = Rows.random(6 * size, 33);
    try (Session session = backend().prepare(Planner.builder().build().plan(layer))) {
      float[] clean = new float[hidden.length];
      session.run(Rows.of(hidden), 6, Rows.of(clean));
      hidden[2 * size + 5] = Float.NaN;
      hidden[4 * size + 1] = Float.POSITIVE_INFINITY;
      float[] output = new float[hidden.length];
      session.run(Rows.of(hidden), 6, Rows.of(output));
      for (int token : new int[] {0, 1, 3, 5}) {
        for (int i = token * size; i < (token + 1) * size; i++) {
          assertThat(output[i]).isEqualTo(clean[i]);
        }
      }
      for (int i = 0; i < size; i++) {
        assertThat(Float.isFinite(output[2 * size + i])).isFalse();
      }
    }
  }
}
