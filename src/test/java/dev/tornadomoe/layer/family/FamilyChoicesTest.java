package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.BlockLoops.add;
import static dev.tornadomoe.layer.family.BlockLoops.best;
import static dev.tornadomoe.layer.family.BlockLoops.bestTwo;
import static dev.tornadomoe.layer.family.BlockLoops.clamp;
import static dev.tornadomoe.layer.family.BlockLoops.mlp;
import static dev.tornadomoe.layer.family.BlockLoops.normalised;
import static dev.tornadomoe.layer.family.BlockLoops.plus;
import static dev.tornadomoe.layer.family.BlockLoops.product;
import static dev.tornadomoe.layer.family.BlockLoops.sigmoid;
import static dev.tornadomoe.layer.family.BlockLoops.silu;
import static dev.tornadomoe.layer.family.BlockLoops.softmax;
import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What configs of the families of 2026 can choose otherwise than their golden files do, compared
/// with loops written from the models' definitions on the numbers that were stored.
class FamilyChoicesTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.1.mlp.";
  private static final DoubleBinaryOperator SILU = (gate, up) -> silu(gate) * up;

  @TempDir Path directory;

  /// From router logits `[E]` and correction bias `[E]` to the weight of each expert.
  private interface Routing {
    double[] weights(double[] logits, double[] correction);
  }

  /// @param experts activation of the routed experts
  /// @param shared I of the shared expert, or 0
  /// @param sharedActivation of the shared expert
  /// @param sharedFactor how much of it counts
  record Choice(
      String name,
      FamilyConfig config,
      TensorSet tensors,
      Routing routing,
      DoubleBinaryOperator experts,
      int shared,
      DoubleBinaryOperator sharedActivation,
      double sharedFactor) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Choice> cohere() {
    Routing softmax = (logits, none) -> softmaxOfBest(logits);
    Routing sigmoids = (logits, none) -> best(logits, sigmoid(logits));
    FamilyConfig without = cohere("softmax", "average").with("num_shared_experts", 0);
    return Stream.of(
        cohere("softmax, average", cohere("softmax", "average"), halved(softmax), 0.5),
        cohere("softmax, sum", cohere("softmax", "sum"), softmax, 1),
        cohere(
            "sigmoids as they are",
            cohere("sigmoid", "sum").with("norm_topk_prob", false),
            sigmoids,
            1),
        cohere(
            "both by default",
            cohere("softmax", "sum")
                .without("expert_selection_fn")
                .without("shared_expert_combination_strategy"),
            halved(softmax),
            0.5),
        new Choice(
            "cohere2_moe, nothing to average with",
            without,
            BLOCK.perExpert(MLP).putAll(BLOCK.router(MLP + "gate")),
            softmax,
            SILU,
            0,
            SILU,
            0));
  }

  private static FamilyConfig cohere(String selection, String strategy) {
    return FamilyConfig.of("cohere2_moe")
        .with("expert_selection_fn", selection)
        .with("shared_expert_combination_strategy", strategy);
  }

  private static Choice cohere(String name, FamilyConfig config, Routing routing, double factor) {
    return new Choice(
        "cohere2_moe, " + name,
        config,
        BLOCK
            .perExpert(MLP)
            .putAll(BLOCK.router(MLP + "gate"))
            .putAll(BLOCK.shared(MLP + "shared_experts", 2 * INTERMEDIATE)),
        routing,
        SILU,
        2 * INTERMEDIATE,
        SILU,
        factor);
  }

  static Stream<Choice> step() {
    DoubleBinaryOperator clamped = (gate, up) -> Math.min(silu(gate), 0.25) * clamp(up, 0.25);
    return Stream.of(
        step("experts clamped", c -> {}, clamped, SILU),
        step(
            "shared expert clamped",
            c ->
                c.withJson("swiglu_limits", "[0.5, null]")
                    .withJson("swiglu_limits_shared", "[0, 0.25]"),
            SILU,
            clamped),
        step(
            "lists for further layers",
            c ->
                c.with("num_nextn_predict_layers", 2)
                    .withJson("swiglu_limits", "[0, 0.25, 1, 2]")
                    .withJson("swiglu_limits_shared", "[7, 0.25]"),
            clamped,
            clamped),
        step(
            "no lists",
            c -> c.withJson("swiglu_limits", "null").without("swiglu_limits_shared"),
            SILU,
            SILU));
  }

  private interface Change {
    void to(FamilyConfig config);
  }

  private static Choice step(
      String name, Change change, DoubleBinaryOperator experts, DoubleBinaryOperator shared) {
    String moe = "model.layers.1.moe.";
    TensorSet tensors =
        TensorSet.of(BLOCK.down(moe + "down_proj.weight", false))
            .putAll(BLOCK.router(moe + "gate"))
            .putAll(correction(moe + "router_bias"))
            .putAll(BLOCK.shared("model.layers.1.share_expert", SHARED));
    for (String what : List.of("gate", "up")) {
      tensors.put(
          HeapTensors.bf16(
              moe + what + "_proj.weight",
              Shape.of(EXPERTS, INTERMEDIATE, HIDDEN),
              BLOCK.below("", what).toFloats()));
    }
    FamilyConfig config = FamilyConfig.of("step3p5");
    change.to(config);
    return new Choice(
        "step3p5, " + name, config, tensors, corrected(3), experts, SHARED, shared, 1);
  }

  static Stream<Choice> clamped() {
    DoubleBinaryOperator before = (gate, up) -> silu(Math.min(gate, 0.5)) * clamp(up, 0.5);
    DoubleBinaryOperator oai =
        (gate, up) -> {
          double g = Math.min(gate, 0.5);
          return g / (1 + Math.exp(-1.25 * g)) * (clamp(up, 0.5) + 1);
        };
    String m3 = "language_model.model.layers.1.block_sparse_moe.";
    return Stream.of(
        deepseek(
            "glm5_next_text", FamilyConfig.of("glm5_next_text"), corrected(2.5), before, before),
        deepseek("hy_v4", FamilyConfig.of("hy_v4"), corrected(2.5), before, SILU),
        deepseek(
            "hy_v4, groups",
            FamilyConfig.of("hy_v4").with("n_group", 2),
            (logits, correction) -> {
              double[] choice = plus(sigmoid(logits), correction);
              boolean first = bestTwo(choice, 0) >= bestTwo(choice, 3);
              for (int e = 0; e < EXPERTS; e++) {
                choice[e] = e < 3 == first ? choice[e] : Double.NEGATIVE_INFINITY;
              }
              return normalised(best(choice, sigmoid(logits)), 2.5);
            },
            before,
            SILU),
        new Choice(
            "minimax_m3_vl_text, another alpha",
            FamilyConfig.of("minimax_m3_vl_text").with("swiglu_alpha", 1.25),
            BLOCK
                .perExpert(m3 + "experts.", "w1", "w3", "w2")
                .putAll(BLOCK.router(m3 + "gate"))
                .putAll(correction(m3 + "e_score_correction_bias"))
                .putAll(BLOCK.shared(m3 + "shared_experts", SHARED)),
            corrected(2),
            oai,
            SHARED,
            oai,
            1));
  }

  /// Three groups of two, of which one is kept; three experts, so that one comes from elsewhere.
  static Stream<Choice> axk2() {
    FamilyConfig grouped =
        FamilyConfig.of("axk2")
            .with("num_experts_per_tok", 3)
            .with("n_group", 3)
            .with("topk_group", 1);
    return Stream.of(
        deepseek("axk2, no groups", FamilyConfig.of("axk2"), corrected(2.5), SILU, SILU),
        deepseek(
            "axk2, null groups",
            FamilyConfig.of("axk2").withJson("n_group", "null").withJson("topk_group", "null"),
            corrected(2.5),
            SILU,
            SILU),
        deepseek(
            "axk2, experts of other groups by 0",
            grouped,
            (logits, correction) -> {
              double[] choice = plus(sigmoid(logits), correction);
              int kept = 0;
              for (int group = 1; group < 3; group++) {
                double sum = choice[2 * group] + choice[2 * group + 1];
                kept = sum > choice[2 * kept] + choice[2 * kept + 1] ? group : kept;
              }
              for (int e = 0; e < EXPERTS; e++) {
                choice[e] = e / 2 == kept ? choice[e] : 0;
              }
              double[] weights = new double[EXPERTS];
              IntStream.range(0, EXPERTS)
                  .boxed()
                  .sorted((a, b) -> Double.compare(choice[b], choice[a])) // stable
                  .limit(3)
                  .forEach(e -> weights[e] = sigmoid(logits)[e]);
              return normalised(weights, 2.5);
            },
            SILU,
            SILU));
  }

  static Stream<Choice> softmaxes() {
    Routing plain = (logits, none) -> times(best(logits, softmax(logits)), 2.5);
    Routing grouped =
        (logits, none) -> {
          double[] choice = softmax(logits);
          boolean first = bestTwo(choice, 0) >= bestTwo(choice, 3);
          for (int e = 0; e < EXPERTS; e++) {
            choice[e] = e < 3 == first ? choice[e] : 0;
          }
          return best(choice, softmax(logits));
        };
    return Stream.of(
        mistral(
            "mistral4",
            FamilyConfig.of("mistral4"),
            (logits, none) -> normalised(grouped.weights(logits, none), 2.5)),
        mistral(
            "mistral4, not renormalised",
            FamilyConfig.of("mistral4").with("norm_topk_prob", false),
            (logits, none) -> times(grouped.weights(logits, none), 2.5)),
        mistral(
            "mistral4, null is not renormalised",
            FamilyConfig.of("mistral4").withJson("norm_topk_prob", "null").with("n_group", 1),
            plain),
        mistral("deepseek_ocr2_text, greedy", FamilyConfig.of("deepseek_ocr2_text"), plain),
        dbrx("1.0", (logits, none) -> normalised(best(logits, softmax(logits)), 1)),
        dbrx("2.0", (logits, none) -> byNorm(best(logits, softmax(logits)), 2)),
        dbrx("0.5", (logits, none) -> byNorm(best(logits, softmax(logits)), 0.5)),
        dbrx("3", (logits, none) -> byNorm(best(logits, softmax(logits)), 3)),
        dbrx("null", (logits, none) -> best(logits, softmax(logits))));
  }

  private static Choice mistral(String name, FamilyConfig config, Routing routing) {
    return new Choice(
        name,
        config,
        BLOCK
            .fused(MLP)
            .putAll(BLOCK.router(MLP + "gate"))
            .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE)),
        routing,
        SILU,
        INTERMEDIATE,
        SILU,
        1);
  }

  private static Choice dbrx(String norm, Routing routing) {
    String block = "transformer.blocks.1.ffn.";
    return new Choice(
        "dbrx, norm " + norm,
        FamilyConfig.of("dbrx").withJson("ffn_config", RecentConfigs.dbrxExperts(norm)),
        TensorSet.of(
                BLOCK.below(block + "experts.mlp.w1", "gate"),
                BLOCK.below(block + "experts.mlp.v1", "up"),
                HeapTensors.bf16(
                    block + "experts.mlp.w2",
                    Shape.of(EXPERTS * INTERMEDIATE, HIDDEN),
                    BLOCK.down("", true).toFloats()))
            .putAll(BLOCK.router(block + "router.layer")),
        routing,
        SILU,
        0,
        SILU,
        0);
  }

  /// `hidden_act` is the shared experts' alone.
  static Stream<Choice> aria() {
    String block = "language_model.model.layers.1.mlp.";
    return Stream.of(
        new Choice(
            "aria_text, another activation of the shared experts",
            FamilyConfig.of("aria_text").with("hidden_act", "relu"),
            BLOCK
                .transposed(block + "experts.fc1.weight", block + "experts.fc2.weight")
                .putAll(BLOCK.router(block + "router"))
                .putAll(BLOCK.shared(block + "shared_experts", 2 * INTERMEDIATE)),
            (logits, none) -> softmaxOfBest(logits),
            SILU,
            2 * INTERMEDIATE,
            (gate, up) -> Math.max(gate, 0) * up,
            1));
  }

  private static Choice deepseek(
      String name,
      FamilyConfig config,
      Routing routing,
      DoubleBinaryOperator experts,
      DoubleBinaryOperator shared) {
    TensorSet tensors =
        BLOCK
            .perExpert(MLP)
            .putAll(BLOCK.router(MLP + "gate"))
            .putAll(correction(MLP + "gate.e_score_correction_bias"))
            .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE));
    return new Choice(name, config, tensors, routing, experts, INTERMEDIATE, shared, 1);
  }

  private static TensorSet correction(String name) {
    return TensorSet.of(BlockTensors.vector(name, "correction", 0, EXPERTS));
  }

  private static Routing corrected(double scale) {
    return (logits, correction) ->
        normalised(best(plus(sigmoid(logits), correction), sigmoid(logits)), scale);
  }

  private static Routing halved(Routing routing) {
    return (logits, correction) -> times(routing.weights(logits, correction), 0.5);
  }

  private static double[] softmaxOfBest(double[] logits) {
    return normalised(best(logits, Arrays.stream(logits).map(Math::exp).toArray()), 1);
  }

  private static double[] times(double[] values, double factor) {
    return Arrays.stream(values).map(value -> value * factor).toArray();
  }

  private static double[] byNorm(double[] weights, double p) {
    double sum = Arrays.stream(weights).filter(w -> w > 0).map(w -> Math.pow(w, p)).sum();
    return times(weights, 1 / Math.pow(sum, 1 / p));
  }

  @ParameterizedTest
  @MethodSource({"cohere", "step", "clamped", "axk2", "softmaxes", "aria"})
  void computesWhatTheModelIsDefinedAs(Choice choice) {
    DefinitionRun.assertComputes(
        directory, choice.config().json(), choice.tensors(), x -> expected(choice, x));
  }

  private static double[] expected(Choice choice, double[] x) {
    double[] logits = product("router", 0, EXPERTS, HIDDEN, x);
    double[] correction = new double[EXPERTS];
    Arrays.setAll(correction, e -> BlockTensors.value("correction", 0, 0, e));
    double[] weights = choice.routing().weights(logits, correction);
    double[] sum = new double[HIDDEN];
    for (int e = 0; e < EXPERTS; e++) {
      add(sum, weights[e], mlp("", e, INTERMEDIATE, x, choice.experts()));
    }
    if (choice.shared() > 0) {
      double[] shared = mlp("shared ", 0, choice.shared(), x, choice.sharedActivation());
      add(sum, choice.sharedFactor(), shared);
    }
    return sum;
  }
}
