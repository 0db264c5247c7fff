package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A config that contradicts itself, or the tensors beside it.
class BrokenConfigTest {
  private static final BlockTensors BLOCK = new BlockTensors(HIDDEN, INTERMEDIATE, EXPERTS);
  private static final String MLP = "model.layers.0.mlp.";

  @TempDir Path directory;

  static Stream<Arguments> refused() {
    return Stream.of(
        refusal("mixtral", c -> c.with("num_experts_per_tok", 7), "top-k is 7", "6 experts"),
        refusal("mixtral", c -> c.with("num_experts_per_tok", 0), "\"num_experts_per_tok\"", "0"),
        refusal("mixtral", c -> c.without("num_experts_per_tok"), "\"num_experts_per_tok\"", "no"),
        refusal(
            "mixtral", c -> c.with("num_experts", 8), "\"num_local_experts\"", "\"num_experts\""),
        refusal("mixtral", c -> c.without("intermediate_size"), "\"intermediate_size\"", "no"),
        refusal("mixtral", c -> c.without("hidden_size"), "\"hidden_size\"", "no"),
        refusal("mixtral", c -> c.with("hidden_act", "quick_gelu"), "\"quick_gelu\"", "silu"),
        refusal("qwen2_moe", c -> c.with("norm_topk_prob", "yes"), "\"norm_topk_prob\"", "yes"),
        refusal("gpt_oss", c -> c.with("experts_per_token", 4), "\"experts_per_token\"", "4"),
        refusal("phimoe", c -> c.with("num_experts_per_tok", 4), "2 experts", "4"),
        refusal("phimoe", c -> c.with("num_local_experts", 1), "top-k is 2", "1 experts"),
        refusal("phimoe", c -> c.with("router_jitter_noise", -0.5), "jitter", "-0.5"),
        refusal("deepseek_v2", c -> c.with("norm_topk_prob", true), "\"norm_topk_prob\""),
        refusal(
            "deepseek_v2", c -> c.with("topk_method", "noaux_tc"), "\"topk_method\"", "noaux_tc"),
        refusal(
            "deepseek_v2", c -> c.with("scoring_func", "sigmoid"), "\"scoring_func\"", "softmax"),
        refusal(
            "deepseek_v3", c -> c.with("scoring_func", "softmax"), "\"scoring_func\"", "sigmoid"),
        refusal("glm4_moe", c -> c.with("scoring_func", "softmax"), "\"scoring_func\"", "sigmoid"),
        refusal("deepseek_v3", c -> c.with("topk_method", "greedy"), "\"topk_method\"", "noaux_tc"),
        refusal("deepseek_v2", c -> c.without("n_group"), "\"n_group\"", "no"),
        refusal("deepseek_v2", c -> c.with("topk_group", 3), "3 of 2"),
        refusal("deepseek_v3", c -> c.with("topk_group", 3), "3 of 2"),
        refusal("deepseek_v3", c -> c.with("routed_scaling_factor", 1e300), "scaling factor"),
        refusal("llama4_text", c -> c.with("num_experts_per_tok", 0), "0"),
        refusal("ernie4_5_moe", c -> c.with("moe_norm_min", 0.5), "\"moe_norm_min\"", "0.5"),
        refusal("ernie4_5_moe", c -> c.without("moe_k"), "\"moe_k\"", "no"),
        refusal(
            "hunyuan_v1_moe", c -> c.withJson("moe_topk", "[2, 3]"), "\"moe_topk\"", "all layers"),
        refusal("hunyuan_v1_moe", c -> c.withJson("moe_topk", "[]"), "\"moe_topk\"", "[]"),
        refusal("hunyuan_v1_moe", c -> c.without("num_experts"), "no \"num_experts\""),
        refusal(
            "minimax",
            c -> c.with("shared_intermediate_size", 16),
            "\"shared_intermediate_size\"",
            "16"),
        refusal(
            "minimax_m2", c -> c.with("scoring_func", "softmax"), "\"scoring_func\"", "sigmoid"),
        refusal("lfm2_moe", c -> c.with("use_expert_bias", 1), "\"use_expert_bias\"", "1"),
        refusal("longcat_flash", c -> c.with("zero_expert_type", "copy"), "\"zero_expert_type\""),
        refusal("longcat_flash", c -> c.with("norm_topk_prob", true), "\"norm_topk_prob\""),
        refusal("longcat_flash", c -> c.with("router_bias", true), "\"router_bias\""),
        refusal("longcat_flash", c -> c.with("zero_expert_num", -1), "\"zero_expert_num\"", "-1"),
        refusal(
            "longcat_flash",
            c -> c.with("zero_expert_num", Integer.MAX_VALUE),
            "2147483647 that return their input"),
        refusal("longcat_flash", c -> c.with("moe_topk", 10), "top-k is 10", "9 experts"),
        refusal("nemotron_h", c -> c.with("moe_latent_size", 0), "\"moe_latent_size\"", "0"),
        refusal(
            "nemotron_h", c -> c.without("hybrid_override_pattern"), "\"layers_block_type\"", "no"),
        refusal("nemotron_h", c -> c.withJson("layers_block_type", "[1]"), "\"layers_block_type\""),
        refusal("exaone_moe", c -> c.withJson("swiglu_limits", "[7, 7]"), "\"swiglu_limits\""),
        refusal(
            "exaone_moe",
            c -> c.withJson("mlp_layer_types", "[\"sparse\"]"),
            "\"mlp_layer_types\"",
            "1 elements",
            "2 layers"),
        refusal(
            "exaone_moe", c -> c.withJson("is_moe_layer", "[1, 0]"), "\"is_moe_layer\"", "true"),
        refusal(
            "bailing_moe_v2", c -> c.with("norm_topk_prob", false), "\"norm_topk_prob\": false"),
        refusal(
            "bailing_moe_v2",
            c -> c.with("score_function", "softmax"),
            "\"score_function\"",
            "sigmoid"),
        refusal("bailing_moe", c -> c.with("n_group", 2), "groups of experts"),
        refusal(
            "mimo_v2_flash",
            c -> c.withJson("moe_layer_freq", "[1]"),
            "\"moe_layer_freq\"",
            "1 elements",
            "2 layers"),
        refusal(
            "kimi_linear",
            c -> c.with("moe_router_activation_func", "softmax"),
            "\"moe_router_activation_func\"",
            "sigmoid"),
        refusal(
            "deepseek_v3", c -> c.with("scoring_func", "noaux_tc"), "\"scoring_func\"", "sigmoid"),
        refusal(
            "laguna",
            c -> c.with("moe_router_logit_softcapping", 30.0),
            "\"moe_router_logit_softcapping\""),
        refusal("afmoe", c -> c.with("route_norm", false), "\"route_norm\""),
        refusal("afmoe", c -> c.with("score_func", "softmax"), "\"score_func\"", "sigmoid"),
        refusal("afmoe", c -> c.with("n_group", 2), "groups of experts"),
        refusal("hy_v4", c -> c.with("swiglu_limit", 0), "SWIGLU_CLAMPED", "0.0"),
        refusal("hy_v4", c -> c.with("topk_method", "greedy"), "\"topk_method\"", "noaux_tc"),
        refusal("glm5_next_text", c -> c.with("hidden_act", "gelu"), "\"hidden_act\"", "silu"),
        refusal("minimax_m3_vl_text", c -> c.with("swiglu_alpha", -1), "SWIGLU_OAI", "-1.0"),
        refusal(
            "zaya", c -> c.with("num_experts_per_tok", 2), "\"num_experts_per_tok\": 2", "1 is"),
        refusal("zaya", c -> c.with("router_hidden_size", 0), "\"router_hidden_size\""),
        refusal("deepseek_v4", c -> c.with("n_shared_experts", 2), "\"n_shared_experts\"", "2"),
        refusal("deepseek_v4", c -> c.with("n_shared_experts", 0), "\"n_shared_experts\"", "0"),
        refusal("deepseek_v4", c -> c.with("hidden_act", "gelu"), "\"hidden_act\"", "silu"),
        refusal("deepseek_v4", c -> c.with("scoring_func", "sigmoid"), "\"scoring_func\""),
        refusal("deepseek_v4", c -> c.without("vocab_size"), "\"vocab_size\""),
        refusal(
            "deepseek_v4",
            c -> c.withJson("mlp_layer_types", "[\"moe\", \"dense\"]"),
            "\"mlp_layer_types\"",
            "\"dense\""),
        refusal("gemma4_text", c -> c.with("top_k_experts", 7), "top-k is 7", "6 experts"),
        refusal("gemma4_text", c -> c.with("rms_norm_eps", 0), "epsilon", "0.0"),
        refusal("axk2", c -> c.with("n_group", 2), "\"topk_group\"", "no"),
        refusal("mistral4", c -> c.with("topk_group", 3), "3 of 2"),
        refusal(
            "cohere2_moe",
            c -> c.with("shared_expert_combination_strategy", "max"),
            "\"max\"",
            "average or sum"),
        refusal("cohere2_moe", c -> c.with("expert_selection_fn", "tanh"), "\"tanh\"", "sigmoid"),
        refusal("step3p5", c -> c.with("norm_expert_weight", false), "\"norm_expert_weight\""),
        refusal(
            "step3p5",
            c -> c.with("model_type", "step3p7").with("norm_expert_weight", false),
            "step3p7 with \"norm_expert_weight\""),
        refusal(
            "step3p5",
            c -> c.with("moe_router_activation", "softmax"),
            "\"moe_router_activation\"",
            "sigmoid"),
        refusal("step3p5", c -> c.with("moe_layers_enum", "0,one"), "\"moe_layers_enum\"", "one"),
        refusal(
            "step3p5",
            c -> c.withJson("swiglu_limits", "[7]"),
            "\"swiglu_limits\"",
            "1 elements",
            "2 layers"),
        refusal(
            "step3p5", c -> c.withJson("swiglu_limits", "[7, true]"), "\"swiglu_limits\"", "true"),
        refusal("deepseek_ocr2_text", c -> c.with("norm_topk_prob", true), "deepseek_ocr2_text"),
        refusal("dbrx", c -> c.without("ffn_config"), "no \"ffn_config\""),
        refusal(
            "dbrx",
            c -> c.withJson("ffn_config", RecentConfigs.dbrxExperts("0")),
            "norm of the renormalisation",
            "0.0"),
        refusal(
            "inkling_text", c -> c.with("n_shared_experts", Integer.MAX_VALUE), "more than 2^31"),
        refusal(
            "inkling_text", c -> c.with("n_routed_experts", Integer.MAX_VALUE), "more than 2^31"),
        refusal("inkling_text", c -> c.with("shared_expert_sink", false), "\"shared_expert_sink\""),
        refusal("inkling_text", c -> c.with("norm_after_topk", false), "\"norm_after_topk\""),
        refusal("inkling_text", c -> c.with("gate_activation", "softmax"), "\"gate_activation\""),
        refusal("inkling_text", c -> c.with("num_experts_per_tok", 7), "top-k is 9", "8 experts"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusesConfigsThatCannotBe(String config, List<String> says) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.resolve("config.json") + ": ")
          .hasMessageContainingAll(says.toArray(String[]::new));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "hidden_size, 13, '[6, 12]', '[6, 13]'",
    "moe_intermediate_size, 9, '[8, 12]', '[9, 12]'",
    "n_routed_experts, 8, 'is [6', 'expected [8'", // the router's weight or its bias
    "n_routed_experts, 4, 'is [6', 'expected [4'",
    "n_shared_experts, 2, '[8, 12]', '[16, 12]'"
  })
  void refusesAConfigThatContradictsItsTensors(
      String key, int value, String found, String expected) {
    assertRefused(FamilyConfig.of("deepseek_v3").with(key, value), deepseek(), found, expected);
  }

  @Test
  void refusesMoreExpertsThanTheConfigHas() {
    TensorSet tensors =
        BLOCK.perExpert(MLP).putAll(new BlockTensors(HIDDEN, INTERMEDIATE, 5).router(MLP + "gate"));
    assertRefused(
        FamilyConfig.of("qwen3_moe").with("num_experts", 5),
        tensors,
        "expert 5",
        MLP + "experts.5.down_proj",
        "config.json",
        "there are 5");
  }

  @Test
  void refusesGroupsThatDoNotDivideTheExperts() {
    assertRefused(
        FamilyConfig.of("deepseek_v3").with("n_group", 4),
        deepseek(),
        directory.resolve("config.json") + ": ",
        "6 experts",
        "4 groups");
    assertRefused(
        FamilyConfig.of("deepseek_v3").with("num_experts_per_tok", 4),
        deepseek(),
        directory.resolve("config.json") + ": ",
        "top-k is 4",
        "only 3 experts");
  }

  @Test
  void theRouterWeightGoesOnTheInputOfOneExpertOnly() {
    String block = "model.layers.0.feed_forward.";
    TensorSet tensors =
        BLOCK
            .router(block + "router")
            .putAll(BLOCK.transposed(block + "experts.gate_up_proj", block + "experts.down_proj"))
            .putAll(BLOCK.shared(block + "shared_expert", INTERMEDIATE));
    assertRefused(
        FamilyConfig.of("llama4_text").with("num_experts_per_tok", 2),
        tensors,
        directory.resolve("config.json") + ": ",
        "layer 0",
        "top-k 2");
  }

  private static TensorSet deepseek() {
    return BLOCK
        .router(MLP + "gate")
        .put(BlockTensors.vector(MLP + "gate.e_score_correction_bias", "correction", 0, EXPERTS))
        .putAll(BLOCK.perExpert(MLP))
        .putAll(BLOCK.shared(MLP + "shared_experts", INTERMEDIATE));
  }

  private interface Change {
    void to(FamilyConfig config);
  }

  private static Arguments refusal(String family, Change change, String... says) {
    FamilyConfig config = FamilyConfig.of(family);
    change.to(config);
    return Arguments.of(config.json(), List.of(says));
  }

  private void assertRefused(FamilyConfig config, TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config.json(), tensors.tensors())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.toString())
          .hasMessageContainingAll(says);
    }
  }
}
