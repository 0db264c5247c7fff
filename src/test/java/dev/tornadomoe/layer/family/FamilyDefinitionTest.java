package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.BlockLoops.add;
import static dev.tornadomoe.layer.family.BlockLoops.best;
import static dev.tornadomoe.layer.family.BlockLoops.bestTwo;
import static dev.tornadomoe.layer.family.BlockLoops.mlp;
import static dev.tornadomoe.layer.family.BlockLoops.normalised;
import static dev.tornadomoe.layer.family.BlockLoops.plus;
import static dev.tornadomoe.layer.family.BlockLoops.product;
import static dev.tornadomoe.layer.family.BlockLoops.sigmoid;
import static dev.tornadomoe.layer.family.BlockLoops.softmax;
import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;

import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Families that no golden file covers, since transformers has no model of that name or of those
/// tensor names: checkpoints in their released names, run, and compared with loops written from the
/// model's definition on the numbers that were stored.
class FamilyDefinitionTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);

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
    DefinitionRun.assertComputes(
        directory, definition.config(), definition.tensors(), x -> expected(definition, x));
  }

  private static double[] expected(Definition definition, double[] x) {
    double[] logits = product("router", 0, EXPERTS, HIDDEN, x);
    double[] correction = new double[EXPERTS];
    Arrays.setAll(correction, e -> BlockTensors.value("correction", 0, 0, e));
    double[] weights = definition.routing().weights(logits, correction);
    double[] sum = new double[HIDDEN];
    for (int e = 0; e < EXPERTS; e++) {
      add(sum, weights[e], mlp("", e, INTERMEDIATE, x));
    }
    if (definition.shared() > 0) {
      add(sum, 1, mlp("shared ", 0, definition.shared(), x));
    }
    return sum;
  }
}
