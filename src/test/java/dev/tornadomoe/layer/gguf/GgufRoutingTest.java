package dev.tornadomoe.layer.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// How each architecture routes, as llama.cpp's graphs have it.
class GgufRoutingTest {
  @TempDir Path directory;

  /// What llama.cpp takes for keys that are not there.
  @ParameterizedTest
  @CsvSource({
    "llama, SOFTMAX, true",
    "mistral3, SOFTMAX, true",
    "arctic, SOFTMAX, true",
    "maple, SOFTMAX, true",
    "dbrx, SOFTMAX, true",
    "qwen2moe, SOFTMAX, false",
    "qwen3moe, SOFTMAX, true",
    "qwen3vlmoe, SOFTMAX, true",
    "qwen3next, SOFTMAX, true",
    "qwen35moe, SOFTMAX, true",
    "deepseek, SOFTMAX, false",
    "deepseek2, SOFTMAX, false",
    "glm4moe, SIGMOID, false",
    "bailingmoe, SOFTMAX, false",
    "ernie4_5-moe, SOFTMAX, true",
    "hunyuan-moe, SOFTMAX, true",
    "afmoe, SIGMOID, false",
    "olmoe, SOFTMAX, false",
    "granitemoe, SOFTMAX, true",
    "granitehybrid, SOFTMAX, true",
    "granite_swa, SOFTMAX, true",
    "phimoe, SOFTMAX, true",
    "jamba, SOFTMAX, false",
    "gpt-oss, SOFTMAX_OF_SELECTED, false",
    "llama4, SIGMOID_OF_SELECTED, false",
    "nemotron_h_moe, SIGMOID, false",
    "glm-dsa, SIGMOID, false",
    "mimo2, SIGMOID, true",
    "step35, SIGMOID, false",
    "mistral4, SOFTMAX, false",
    "hy_v3, SIGMOID, false",
    "laguna, SIGMOID, false",
    "mellum, SOFTMAX, true",
    "qwen4exp, SOFTMAX, true",
    "glm5next, SIGMOID, false",
    "glm5-next, SIGMOID, false",
    "cohere2moe, SIGMOID, false",
    "deepseek2-ocr, SOFTMAX, false",
    "minimax-01, SOFTMAX, true",
    "llada-moe, SOFTMAX, false",
    "rnd1, SOFTMAX, true",
    "gemma4, SOFTMAX, true",
    "diffusion-gemma, SOFTMAX, true",
    "deepseek4, SQRT_SOFTPLUS, false",
    "deepseek41, SQRT_SOFTPLUS, false"
  })
  void routesAsLlamaCppDoes(String architecture, TopKGating.Scoring scoring, boolean renormalise) {
    int topK = architecture.equals("llama4") ? 1 : 2;
    MoeLayer layer = layer(block(architecture));
    assertThat(gating(layer)).isEqualTo(usual(topK, scoring, renormalise, 1));
    assertThat(layer.routerWeightOnInput()).isEqualTo(architecture.equals("llama4"));
    assertThat(layer.experts().activation())
        .isEqualTo(
            switch (architecture) {
              case "gpt-oss" -> Activation.swigluOai(7);
              case "nemotron_h_moe" -> Activation.RELU_SQUARED;
              case "gemma4", "diffusion-gemma" -> Activation.GELU_TANH;
              case "maple" -> Activation.swigluClamped(7);
              default -> Activation.SILU;
            });
  }

  /// Renormalised weights are divided by no less than 2^-14, and nothing is added to their sum.
  private static TopKGating usual(
      int topK, TopKGating.Scoring scoring, boolean renormalise, float scale) {
    return renormalise
        ? new TopKGating(topK, scoring, null, true, scale, 0, 6.103515625e-5f)
        : new TopKGating(topK, scoring, null, false, scale);
  }

  private static TopKGating gating(MoeLayer layer) {
    return (TopKGating) Objects.requireNonNull(layer.router()).gating();
  }

  /// The sizes of GLM-4.7-Flash, whose first conversions lack `expert_gating_func`. Blocks that
  /// predict further tokens don't count.
  @ParameterizedTest
  @CsvSource({
    "47, 0, 154880, 0, SIGMOID",
    "48, 0, 154880, 0, SIGMOID",
    "47, 0, 0, 154880, SIGMOID",
    "48, 0, 102400, 154880, SOFTMAX",
    "46, 0, 154880, 0, SOFTMAX",
    "49, 0, 0, 154880, SOFTMAX",
    "47, 0, 154879, 0, SOFTMAX",
    "47, 0, 0, 154881, SOFTMAX",
    "48, 0, 0, 0, SOFTMAX",
    "48, 1, 154880, 0, SIGMOID",
    "49, 1, 154880, 0, SIGMOID",
    "47, 1, 154880, 0, SOFTMAX",
    "50, 1, 154880, 0, SOFTMAX"
  })
  void theDefaultOfDeepseek2DependsOnItsSizes(
      int blocks, int predicting, int stated, int listed, TopKGating.Scoring scoring) {
    GgufBlock block = block("deepseek2").key("block_count", blocks).vocabulary(listed);
    block.key("nextn_predict_layers", predicting);
    if (stated > 0) {
      block.key("vocab_size", stated);
    }
    assertThat(gating(layer(block)).scoring()).isEqualTo(scoring);
    // What is said counts.
    assertThat(gating(layer(block.key("expert_gating_func", 1))).scoring())
        .isEqualTo(TopKGating.Scoring.SOFTMAX);
  }

  @ParameterizedTest
  @CsvSource({
    "deepseek2, 1, SOFTMAX",
    "deepseek2, 2, SIGMOID",
    "deepseek2, 3, SOFTMAX_OF_SELECTED",
    "glm4moe, 1, SOFTMAX",
    "dots1, 2, SIGMOID",
    "bailingmoe2, 2, SIGMOID",
    "lfm2moe, 2, SIGMOID",
    "exaone-moe, 2, SIGMOID",
    "minimax-m2, 2, SIGMOID",
    "afmoe, 1, SOFTMAX",
    "glm-dsa, 1, SOFTMAX",
    "deepseek32, 2, SIGMOID",
    "kimi-linear, 2, SIGMOID",
    "step35, 1, SOFTMAX",
    "mistral4, 2, SIGMOID",
    "hy_v3, 1, SOFTMAX",
    "laguna, 1, SOFTMAX",
    "minimax-m3, 2, SIGMOID",
    "glm5next, 2, SIGMOID",
    "glm5-next, 1, SOFTMAX",
    "bailingmoe3, 2, SIGMOID",
    "hy_v4, 2, SIGMOID",
    "dots3note, 2, SIGMOID",
    "cohere2moe, 1, SOFTMAX",
    "deepseek2-ocr, 2, SIGMOID"
  })
  void someArchitecturesSayHowTheyScore(
      String architecture, int function, TopKGating.Scoring scoring) {
    MoeLayer layer = layer(block(architecture).key("expert_gating_func", function));
    TopKGating gating = (TopKGating) Objects.requireNonNull(layer.router()).gating();
    assertThat(gating.scoring()).isEqualTo(scoring);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "deepseek2",
        "glm4moe",
        "dots1",
        "bailingmoe",
        "bailingmoe2",
        "exaone-moe",
        "afmoe",
        "nemotron_h_moe",
        "glm-dsa",
        "deepseek32",
        "step35",
        "mistral4",
        "hy_v3",
        "laguna",
        "minimax-m3",
        "glm5next",
        "glm5-next",
        "bailingmoe3",
        "hy_v4",
        "axk2",
        "dots3note",
        "deepseek4",
        "deepseek41",
        "cohere2moe",
        "deepseek2-ocr"
      })
  void weightsAreRenormalisedAndScaledAsTheKeysSay(String architecture) {
    GgufBlock block =
        block(architecture).key("expert_weights_norm", true).key("expert_weights_scale", 2.5f);
    TopKGating.Scoring scoring = gating(layer(block)).scoring();
    assertThat(gating(layer(block))).isEqualTo(usual(2, scoring, true, 2.5f));
    block.key("expert_weights_norm", false).key("expert_weights_scale", 0f);
    assertThat(gating(layer(block))).isEqualTo(usual(2, scoring, false, 1));
  }

  @Test
  void deepseekIsScaledButNeverRenormalised() {
    GgufBlock block = block("deepseek").key("expert_weights_scale", 2.5f);
    assertThat(gating(layer(block))).isEqualTo(usual(2, TopKGating.Scoring.SOFTMAX, false, 2.5f));
  }

  /// llama.cpp passes over these keys where an architecture has no use for them.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "mistral3",
        "arctic",
        "maple",
        "dbrx",
        "qwen2moe",
        "qwen3moe",
        "qwen3vlmoe",
        "qwen3next",
        "qwen35moe",
        "ernie4_5-moe",
        "hunyuan-moe",
        "minimax-m2",
        "lfm2moe",
        "olmoe",
        "granitemoe",
        "granitehybrid",
        "granite_swa",
        "phimoe",
        "jamba",
        "gpt-oss",
        "llama4",
        "mimo2",
        "mellum",
        "qwen4exp",
        "minimax-01",
        "llada-moe",
        "rnd1",
        "gemma4",
        "diffusion-gemma"
      })
  void keysThatWouldChangeNothingInLlamaCppAreRefusedWhereTheySayOtherwise(String architecture) {
    assertRefused(
        block(architecture).key("expert_weights_scale", 2.5f),
        "expert_weights_scale\" is 2.5, but there is no use for it");
    TopKGating usual = gating(layer(block(architecture).key("expert_weights_scale", 1f)));
    assertThat(usual.scale()).isEqualTo(1);
    boolean stated = usual.leastSum() > 0;
    assertThat(gating(layer(block(architecture).key("expert_weights_norm", stated))))
        .isEqualTo(usual);
    assertRefused(
        block(architecture).key("expert_weights_norm", !stated),
        String.format(
            Locale.ROOT,
            "expert_weights_norm\" is %s, but this architecture knows only %s",
            !stated,
            stated));
  }

  /// llama.cpp has no default for them either.
  @ParameterizedTest
  @ValueSource(strings = {"expert_weights_norm", "expert_weights_scale", "swiglu_clamp_exp"})
  void deepseek4MustSayItsNormScaleAndLimits(String key) {
    assertRefused(block("deepseek4").withoutKey(key), "no \"deepseek4." + key + "\"");
    layer(block("deepseek4").key("swiglu_clamp_exp", new float[] {7}));
  }

  @Test
  void groupsAreJudgedByTheirBestTwo() {
    GgufBlock block =
        block("deepseek2")
            .key("expert_count", 8)
            .key("expert_group_count", 4)
            .key("expert_group_used_count", 2)
            .put("ffn_gate_inp.weight", 8, GgufBlock.H)
            .put("ffn_gate_exps.weight", 8, GgufBlock.I, GgufBlock.H)
            .put("ffn_up_exps.weight", 8, GgufBlock.I, GgufBlock.H)
            .put("ffn_down_exps.weight", 8, GgufBlock.H, GgufBlock.I);
    TopKGating gating = (TopKGating) Objects.requireNonNull(layer(block).router()).gating();
    assertThat(gating.groups())
        .isEqualTo(new TopKGating.Groups(4, 2, TopKGating.GroupScore.SUM_OF_TWO));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dots1",
        "bailingmoe2",
        "lfm2moe",
        "exaone-moe",
        "minimax-m2",
        "deepseek32",
        "kimi-linear",
        "minimax-m3",
        "bailingmoe3",
        "hy_v4",
        "dots3note"
      })
  void theScoringMustBeSaidWhereThereIsNoUsualOne(String architecture) {
    assertRefused(
        block(architecture).withoutKey("expert_gating_func"),
        "no \"" + architecture + ".expert_gating_func\"");
  }

  @Test
  void saysWhatIsWrong() {
    assertRefused(new GgufBlock("gemma2"), "\"gemma2\" is not supported", "qwen3moe", "deepseek2");
    assertRefused(block("deepseek2").key("expert_gating_func", 4), "expert_gating_func\" is 4");
    assertRefused(block("qwen3moe").key("expert_gating_func", 2), "is 2", "only 1");
    assertRefused(block("qwen3moe").key("expert_gating_func", 4), "is 4", "only 1");
    assertRefused(block("deepseek4").key("expert_gating_func", 2), "is 2", "only 4");
    assertRefused(block("olmoe").withoutKey("expert_count"), "no \"olmoe.expert_count\"");
    assertRefused(block("olmoe").withoutKey("embedding_length"), "no \"olmoe.embedding_length\"");
    assertRefused(block("olmoe").key("expert_used_count", 4), "top-k is 4", "3 experts");
    assertRefused(block("olmoe").key("expert_used_count", 0), "expert_used_count", "found 0");
    assertRefused(block("olmoe").key("block_count", 2_000_000), "block_count", "at most 100000");
    assertRefused(
        block("glm4moe").key("nextn_predict_layers", 2),
        "\"glm4moe.nextn_predict_layers\" is 2, expected at most 1");
    assertRefused(
        block("deepseek2").key("expert_group_count", 3),
        "no \"deepseek2.expert_group_used_count\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "expert_group_scale",
        "experts_per_group",
        "moe_latent_size",
        "router_logit_softcapping",
        "swiglu_alpha",
        "expert_of_next_year"
      })
  void keysWithoutAUseAreRefused(String key) {
    assertRefused(block("qwen3moe").key(key, 3), "\"qwen3moe." + key + "\" is 3", "no use");
    assertRefused(block("qwen3moe").key(key, 0.5f), "\"qwen3moe." + key + "\" is 0.5");
    layer(block("qwen3moe").key(key, 0)); // says nothing
  }

  /// The converter of step35 writes it, llama.cpp takes the blocks that have a router.
  @Test
  void howOftenABlockHasARouterIsWhatTheTensorsSay() {
    layer(block("step35").key("moe_every_n_layers", 1));
  }

  @ParameterizedTest
  @CsvSource({
    "grovemoe, adjugate experts",
    "smallthinker, before attention's norm",
    "grok, logits are capped",
    "kimi-k3, SiTU"
  })
  void whatNoLayerHereCanComputeIsRefusedByItsName(String architecture, String why) {
    assertRefused(new GgufBlock(architecture), architecture, why, "run this model with llama.cpp");
  }

  private static GgufBlock block(String architecture) {
    return GgufBlock.whole(architecture);
  }

  private MoeLayer layer(GgufBlock block) {
    try (Checkpoint checkpoint = Checkpoint.open(block.write(directory))) {
      return MoeModel.of(checkpoint).layer(0);
    }
  }

  private void assertRefused(GgufBlock block, String... says) {
    try (Checkpoint checkpoint = Checkpoint.open(block.write(directory))) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.resolve("model.gguf").toString())
          .hasMessageContainingAll(says);
    }
  }
}
