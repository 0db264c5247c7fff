package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Families that no golden file covers, since transformers has no model of that name or of those
/// tensor names: checkpoints in their released names, run, and compared with loops written from the
/// model's definition on the numbers that were stored.
class FamilyDefinitionTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final int TOKENS = 5;
  private static final int TOP_K = 2;

  @TempDir Path directory;

  /// From logits `[E]` and correction bias `[E]` to the weight of each expert, 0 for those that are
  /// not chosen.
  private interface Routing {
    double[] weights(double[] logits, double[] correction);
  }

  /// @param shared I of all shared experts, or 0
  record Definition(String name, String config, TensorSet tensors, Routing routing, int shared) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Definition> definitions() {
    return Stream.of(bailing(), bailingV2(), kimi(), kimiVl(), omni(), qwenVl(), miniMax());
  }

  /// Ling: softmax over all, the two highest, their sum is 1; two shared experts.
  private static Definition bailing() {
    String block = "model.layers.1.mlp.";
    return new Definition(
        "Ling (bailing_moe)",
        FamilyConfig.of("bailing_moe").json(),
        BLOCK
            .perExpert(block)
            .putAll(BLOCK.router(block + "gate"))
            .putAll(BLOCK.shared(block + "shared_experts", 2 * INTERMEDIATE)),
        (logits, correction) -> normalised(best(softmax(logits), softmax(logits)), 1),
        2 * INTERMEDIATE);
  }

  /// Ling 2: sigmoids; the bias decides which of two groups of three and which experts; weights
  /// without it, their sum is 2.5.
  private static Definition bailingV2() {
    String block = "model.layers.1.mlp.";
    return new Definition(
        "Ling 2 (bailing_moe_v2)",
        FamilyConfig.of("bailing_moe_v2").json(),
        BLOCK
            .perExpert(block)
            .putAll(BLOCK.router(block + "gate"))
            .putAll(correction(block + "gate.expert_bias"))
            .putAll(BLOCK.shared(block + "shared_experts", INTERMEDIATE)),
        (logits, correction) -> {
          double[] choice = plus(sigmoid(logits), correction);
          boolean firstGroup = bestTwo(choice, 0) >= bestTwo(choice, 3);
          for (int e = 0; e < EXPERTS; e++) {
            choice[e] = e < 3 == firstGroup ? choice[e] : Double.NEGATIVE_INFINITY;
          }
          return normalised(best(choice, sigmoid(logits)), 2.5);
        },
        INTERMEDIATE);
  }

  /// Kimi K2: DeepSeek-V3 with one group.
  private static Definition kimi() {
    return new Definition(
        "Kimi K2",
        FamilyConfig.of("kimi_k2").with("routed_scaling_factor", 2.827).json(),
        deepseek("model.layers.1.mlp."),
        (logits, correction) ->
            normalised(best(plus(sigmoid(logits), correction), sigmoid(logits)), 2.827),
        INTERMEDIATE);
  }

  /// The same inside Kimi K2.5, and Kimi-VL, which calls it deepseek_v3.
  private static Definition kimiVl() {
    return new Definition(
        "Kimi K2.5",
        FamilyConfig.of("kimi_k2").insideOf("kimi_k25"),
        deepseek("language_model.model.layers.1.mlp."),
        (logits, correction) ->
            normalised(best(plus(sigmoid(logits), correction), sigmoid(logits)), 2.5),
        INTERMEDIATE);
  }

  /// Qwen3-Omni's thinker; its talker has its own experts under other names.
  private static Definition omni() {
    String block = "thinker.model.layers.1.mlp.";
    String talker = "talker.model.layers.1.mlp.";
    BlockTensors other = new BlockTensors(HIDDEN, INTERMEDIATE, 2);
    return new Definition(
        "Qwen3-Omni's thinker",
        String.format(
            Locale.ROOT,
            "{\"model_type\": \"qwen3_omni_moe\", \"thinker_config\": %s, \"talker_config\": {}}",
            FamilyConfig.of("qwen3_omni_moe_text").insideOf("qwen3_omni_moe_thinker")),
        BLOCK
            .perExpert(block)
            .putAll(BLOCK.router(block + "gate"))
            .putAll(other.perExpert(talker))
            .putAll(other.router(talker + "gate")),
        (logits, correction) -> normalised(best(logits, softmax(logits)), 1),
        0);
  }

  /// Qwen3-VL as released: fused and transposed.
  private static Definition qwenVl() {
    String block = "model.language_model.layers.1.mlp.";
    return new Definition(
        "Qwen3-VL",
        FamilyConfig.of("qwen3_vl_moe_text").insideOf("qwen3_vl_moe"),
        BLOCK
            .transposed(block + "experts.gate_up_proj", block + "experts.down_proj")
            .putAll(BLOCK.router(block + "gate")),
        (logits, correction) -> normalised(best(logits, softmax(logits)), 1),
        0);
  }

  private static Definition miniMax() {
    String block = "model.layers.1.block_sparse_moe.";
    return new Definition(
        "MiniMax-Text-01",
        FamilyConfig.of("minimax_text_01").with("shared_intermediate_size", 0).json(),
        BLOCK.perExpert(block + "experts.", "w1", "w3", "w2").putAll(BLOCK.router(block + "gate")),
        (logits, correction) -> normalised(best(logits, softmax(logits)), 1),
        0);
  }

  private static TensorSet deepseek(String block) {
    return BLOCK
        .perExpert(block)
        .putAll(BLOCK.router(block + "gate"))
        .putAll(correction(block + "gate.e_score_correction_bias"))
        .putAll(BLOCK.shared(block + "shared_experts", INTERMEDIATE));
  }

  private static TensorSet correction(String name) {
    return TensorSet.of(BlockTensors.vector(name, "correction", 0, EXPERTS));
  }

  @ParameterizedTest
  @MethodSource("definitions")
  void computesWhatTheModelIsDefinedAs(Definition definition) {
    float[] hidden = new float[TOKENS * HIDDEN];
    Random random = new Random(5);
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian() / 2;
    }
    float[] output = new float[hidden.length];
    try (Checkpoint checkpoint =
            ModelDirectory.open(directory, definition.config(), definition.tensors().tensors());
        Session session =
            Backends.require("cpu")
                .prepare(
                    Planner.builder()
                        .maxTokens(TOKENS)
                        .build()
                        .plan(MoeModel.of(checkpoint).layer(1)))) {
      session.run(MemorySegment.ofArray(hidden), TOKENS, MemorySegment.ofArray(output));
    }
    for (int t = 0; t < TOKENS; t++) {
      double[] expected =
          expected(definition, Arrays.copyOfRange(hidden, t * HIDDEN, (t + 1) * HIDDEN));
      double rms = Math.sqrt(Arrays.stream(expected).map(v -> v * v).average().orElseThrow());
      for (int i = 0; i < HIDDEN; i++) {
        assertThat((double) output[t * HIDDEN + i])
            .as("token %d, element %d", t, i)
            .isCloseTo(expected[i], within(2e-5 * rms));
      }
    }
  }

  private static double[] expected(Definition definition, float[] x) {
    double[] logits = product("router", 0, EXPERTS, HIDDEN, doubles(x));
    double[] correction = new double[EXPERTS];
    Arrays.setAll(correction, e -> BlockTensors.value("correction", 0, 0, e));
    double[] weights = definition.routing().weights(logits, correction);
    double[] sum = new double[HIDDEN];
    for (int e = 0; e < EXPERTS; e++) {
      add(sum, weights[e], mlp("", e, INTERMEDIATE, doubles(x)));
    }
    if (definition.shared() > 0) {
      add(sum, 1, mlp("shared ", 0, definition.shared(), doubles(x)));
    }
    return sum;
  }

  private static double[] mlp(String prefix, int expert, int size, double[] x) {
    double[] gate = product(prefix + "gate", expert, size, HIDDEN, x);
    double[] up = product(prefix + "up", expert, size, HIDDEN, x);
    double[] activated = new double[size];
    Arrays.setAll(activated, i -> gate[i] / (1 + Math.exp(-gate[i])) * up[i]);
    return product(prefix + "down", expert, HIDDEN, size, activated);
  }

  private static double[] product(String what, int expert, int rows, int columns, double[] x) {
    double[] y = new double[rows];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        y[r] += BlockTensors.value(what, expert, r, c) * x[c];
      }
    }
    return y;
  }

  private static void add(double[] sum, double factor, double[] row) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * row[i];
    }
  }

  private static double[] doubles(float[] x) {
    return IntStream.range(0, x.length).mapToDouble(i -> x[i]).toArray();
  }

  private static double[] plus(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] + b[i]).toArray();
  }

  private static double[] sigmoid(double[] logits) {
    return Arrays.stream(logits).map(v -> 1 / (1 + Math.exp(-v))).toArray();
  }

  private static double[] softmax(double[] logits) {
    double sum = Arrays.stream(logits).map(Math::exp).sum();
    return Arrays.stream(logits).map(v -> Math.exp(v) / sum).toArray();
  }

  private static double bestTwo(double[] scores, int from) {
    double[] group = Arrays.copyOfRange(scores, from, from + 3);
    Arrays.sort(group);
    return group[1] + group[2];
  }

  /// The values of the two experts with the highest choice, 0 for the others.
  private static double[] best(double[] choice, double[] values) {
    double[] sorted = choice.clone();
    Arrays.sort(sorted);
    double least = sorted[EXPERTS - TOP_K];
    return IntStream.range(0, EXPERTS)
        .mapToDouble(e -> choice[e] >= least ? values[e] : 0)
        .toArray();
  }

  private static double[] normalised(double[] weights, double to) {
    double sum = Arrays.stream(weights).sum();
    return Arrays.stream(weights).map(w -> w / sum * to).toArray();
  }
}
