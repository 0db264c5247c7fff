package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.TopKGating.GroupScore;
import dev.tornadomoe.layer.TopKGating.Groups;
import dev.tornadomoe.layer.TopKGating.Scoring;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// How each family's config says that experts are chosen.
class RouterChoiceTest {
  @TempDir Path directory;

  static Stream<Arguments> choices() {
    TopKGating plain = TopKGating.softmax(2, false);
    TopKGating renormalised = TopKGating.softmax(2, true);
    Groups judgedByMax = new Groups(2, 1, GroupScore.MAX);
    Groups judgedByTwo = new Groups(2, 1, GroupScore.SUM_OF_TWO);
    TopKGating sigmoid = new TopKGating(2, Scoring.SIGMOID, null, true, 2.5f);
    return Stream.of(
        choice("mixtral", "always renormalised", c -> {}, renormalised),
        choice(
            "mixtral",
            "whatever else is in the file",
            c -> c.with("norm_topk_prob", false),
            renormalised),
        choice("qwen2_moe", "released", c -> {}, plain),
        choice("qwen2_moe", "not renormalised by default", c -> c.without("norm_topk_prob"), plain),
        choice("qwen2_moe", "if it says so", c -> c.with("norm_topk_prob", true), renormalised),
        choice("qwen3_moe", "released", c -> {}, renormalised),
        choice("qwen3_moe", "not renormalised by default", c -> c.without("norm_topk_prob"), plain),
        choice("olmoe", "released", c -> {}, plain),
        choice("olmoe", "if it says so", c -> c.with("norm_topk_prob", true), renormalised),
        choice("qwen3_5_moe_text", "always renormalised", c -> {}, renormalised),
        choice(
            "qwen3_5_moe_text",
            "whatever else is in the file",
            c -> c.with("norm_topk_prob", false),
            renormalised),
        choice("phimoe", "jitter by default", c -> {}, new SparseMixer(0.01f)),
        choice(
            "phimoe", "jitter", c -> c.with("router_jitter_noise", 0.125), new SparseMixer(0.125f)),
        choice("phimoe", "no jitter", c -> c.with("router_jitter_noise", 0), new SparseMixer(0)),
        choice(
            "phimoe",
            "two by default",
            c -> c.without("num_experts_per_tok"),
            new SparseMixer(0.01f)),
        choice("granitemoe", "softmax of the selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice("gpt_oss", "softmax of the selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice(
            "gpt_oss",
            "OpenAI's name",
            c -> c.renamed("num_experts_per_tok", "experts_per_token"),
            TopKGating.softmaxOfSelected(2)),
        choice(
            "gpt_oss",
            "both names",
            c -> c.with("experts_per_token", 2),
            TopKGating.softmaxOfSelected(2)),
        choice("deepseek_v2", "groups", c -> {}, plain.scaled(16).grouped(judgedByMax)),
        choice(
            "deepseek_v2",
            "said twice",
            c -> c.with("scoring_func", "softmax"),
            plain.scaled(16).grouped(judgedByMax)),
        choice("deepseek_v2", "greedy", c -> c.with("topk_method", "greedy"), plain.scaled(16)),
        choice("deepseek_v2", "as spelled", c -> c.with("topk_method", "gready"), plain.scaled(16)),
        choice(
            "deepseek_v2",
            "greedy by default",
            c -> c.without("topk_method").without("n_group").without("topk_group"),
            plain.scaled(16)),
        choice(
            "deepseek_v2",
            "no scale by default",
            c -> c.without("routed_scaling_factor"),
            plain.grouped(judgedByMax)),
        choice(
            "deepseek_v2",
            "a whole number as scale",
            c -> c.with("routed_scaling_factor", 4),
            plain.scaled(4).grouped(judgedByMax)),
        choice("deepseek_v3", "released", c -> {}, sigmoid.grouped(judgedByTwo)),
        choice(
            "deepseek_v3",
            "said twice",
            c -> c.with("scoring_func", "sigmoid").with("topk_method", "noaux_tc"),
            sigmoid.grouped(judgedByTwo)),
        choice("deepseek_v3", "one group", c -> c.with("n_group", 1), sigmoid),
        choice(
            "deepseek_v3",
            "null is one group, absence is not",
            c -> c.withJson("n_group", "null"),
            sigmoid),
        choice(
            "deepseek_v3",
            "scale and renormalisation by default",
            c -> c.without("routed_scaling_factor").without("norm_topk_prob"),
            sigmoid.grouped(judgedByTwo)),
        choice(
            "deepseek_v3",
            "eight groups, four kept by default",
            c -> c.with("n_routed_experts", 16).without("n_group").without("topk_group"),
            sigmoid.grouped(new Groups(8, 4, GroupScore.SUM_OF_TWO))),
        choice(
            "deepseek_v3",
            "not renormalised",
            c -> c.with("norm_topk_prob", false),
            new TopKGating(2, Scoring.SIGMOID, judgedByTwo, false, 2.5f)),
        choice("glm4_moe", "released", c -> {}, sigmoid),
        choice(
            "glm4_moe",
            "no scale and no groups by default",
            c -> c.without("routed_scaling_factor").without("n_group").without("topk_group"),
            sigmoid.scaled(1)),
        choice("qwen3_next", "released", c -> {}, renormalised),
        choice("qwen3_next", "if it says so", c -> c.with("norm_topk_prob", false), plain),
        choice("qwen3_next", "by default", c -> c.without("norm_topk_prob"), renormalised),
        choice("qwen3_vl_moe_text", "always", c -> c.with("norm_topk_prob", false), renormalised),
        choice("qwen3_omni_moe_text", "by default", c -> c.without("norm_topk_prob"), renormalised),
        choice("flex_olmo", "not by default", c -> c.without("norm_topk_prob"), plain),
        choice("jamba", "never", c -> {}, plain),
        choice("minimax", "always", c -> {}, renormalised),
        choice(
            "minimax_m2",
            "no epsilon",
            c -> {},
            new TopKGating(2, Scoring.SIGMOID, null, true, 1, 0)),
        choice("ernie4_5_moe", "always", c -> {}, renormalised),
        choice("hunyuan_v1_moe", "always", c -> {}, renormalised),
        choice("hunyuan_v1_moe", "one number", c -> c.with("moe_topk", 2), renormalised),
        choice(
            "lfm2_moe",
            "its own epsilon",
            c -> c.with("routed_scaling_factor", 1.5),
            new TopKGating(2, Scoring.SIGMOID, null, true, 1.5f, 1e-6f)),
        choice("longcat_flash", "scaled", c -> {}, plain.scaled(6)),
        choice("granitemoehybrid", "of selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice("nemotron_h", "released", c -> {}, sigmoid),
        choice(
            "nemotron_h",
            "no scale by default",
            c -> c.without("routed_scaling_factor"),
            sigmoid.scaled(1)),
        choice("exaone_moe", "released", c -> {}, sigmoid),
        choice("exaone_moe", "groups", c -> c.with("n_group", 2), sigmoid.grouped(judgedByTwo)),
        choice("bailing_moe", "released", c -> {}, renormalised),
        choice("bailing_moe", "if it says so", c -> c.with("norm_topk_prob", false), plain),
        choice("bailing_moe_v2", "groups", c -> {}, sigmoid.grouped(judgedByTwo)),
        choice("afmoe", "scaled", c -> {}, sigmoid.scaled(2.25f)),
        choice("deepseek_v32", "groups", c -> {}, sigmoid.grouped(judgedByTwo)),
        choice("kimi_k2", "one group", c -> {}, sigmoid),
        choice("mellum", "by default", c -> c.without("norm_topk_prob"), renormalised),
        choice("granitemoe_swa", "of selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice(
            "laguna",
            "no epsilon",
            c -> {},
            new TopKGating(2, Scoring.SIGMOID, null, true, 2.25f, 0)),
        choice("kimi_linear", "released", c -> {}, sigmoid),
        choice(
            "kimi_linear",
            "groups",
            c -> c.with("num_expert_group", 2),
            sigmoid.grouped(judgedByTwo)),
        choice(
            "kimi_linear",
            "not renormalised",
            c -> c.with("moe_renormalize", false),
            new TopKGating(2, Scoring.SIGMOID, null, false, 2.5f)),
        choice(
            "hy_v3", "by default", c -> c.without("router_scaling_factor"), sigmoid.scaled(2.826f)),
        choice(
            "mimo_v2_flash",
            "null is the default",
            c -> c.withJson("routed_scaling_factor", "null"),
            sigmoid.scaled(1)),
        choice(
            "glm4_moe_lite",
            "by default",
            c -> c.without("routed_scaling_factor").without("n_group"),
            sigmoid.scaled(1.8f)),
        choice(
            "glm_moe_dsa",
            "by default",
            c -> c.without("routed_scaling_factor").without("n_group"),
            sigmoid),
        choice(
            "dots1",
            "by default",
            c -> c.without("routed_scaling_factor").without("norm_topk_prob").without("n_group"),
            new TopKGating(2, Scoring.SIGMOID, null, false, 1)),
        choice("dots1", "as released", c -> c.with("scoring_func", "noaux_tc"), sigmoid),
        choice(
            "solar_open", "by default", c -> c.without("routed_scaling_factor"), sigmoid.scaled(1)),
        choice("qwen4_exp_text", "by default", c -> c.without("norm_topk_prob"), renormalised),
        choice("qwen4_exp_text", "if it says so", c -> c.with("norm_topk_prob", false), plain),
        choice("qwen3_omni_moe_talker_text", "by default", c -> c.without("norm_topk_prob"), plain),
        choice(
            "minimax_m3_vl_text",
            "scaled by default",
            c -> c.without("routed_scaling_factor"),
            new TopKGating(2, Scoring.SIGMOID, null, true, 2, 0)),
        choice(
            "glm5_next_text",
            "by default",
            c -> c.without("routed_scaling_factor").without("n_group").without("norm_topk_prob"),
            sigmoid),
        choice(
            "hy_v4", "by default", c -> c.without("routed_scaling_factor"), sigmoid.scaled(2.827f)),
        choice("hy_v4", "groups", c -> c.with("n_group", 2), sigmoid.grouped(judgedByTwo)),
        choice("axk2", "no groups by default", c -> c.without("routed_scaling_factor"), sigmoid),
        choice(
            "axk2",
            "groups",
            c -> c.with("n_group", 2).with("topk_group", 1),
            sigmoid.grouped(new Groups(2, 1, GroupScore.SUM_OF_TWO, true))),
        choice(
            "mistral4",
            "groups",
            c -> {},
            renormalised.scaled(2.5f).grouped(new Groups(2, 1, GroupScore.SUM_OF_TWO, true))),
        choice(
            "mistral4",
            "by default",
            c -> c.without("n_group").without("norm_topk_prob").without("routed_scaling_factor"),
            renormalised),
        choice(
            "deepseek_ocr2_text",
            "groups",
            c -> c.with("topk_method", "group_limited_greedy").with("n_group", 2),
            plain.scaled(2.5f).grouped(judgedByMax)),
        choice(
            "step3p5",
            "not scaled by default",
            c -> c.without("moe_router_scaling_factor"),
            new TopKGating(2, Scoring.SIGMOID, null, true, 1, 0)),
        choice(
            "cohere2_moe",
            "sigmoids, averaged",
            c -> {},
            new TopKGating(2, Scoring.SIGMOID_OF_SELECTED, null, true, 1, 0)),
        choice("openai_privacy_filter", "of selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice("dbrx", "2-norm", c -> {}, renormalised.withEpsilon(0).withNorm(2)),
        choice(
            "inkling_text",
            "scaled by default",
            c -> c.without("route_scale"),
            new TopKGating(2, Scoring.SIGMOID, null, true, 8, 0).withAlways(2)),
        choice(
            "inkling_text",
            "no shared experts",
            c -> c.with("n_shared_experts", 0),
            new TopKGating(2, Scoring.SIGMOID, null, true, 8, 0)),
        choice(
            "aria_text", "by default", c -> c.without("moe_topk"), TopKGating.softmaxOfSelected(2)),
        choice("jetmoe", "of selected", c -> {}, TopKGating.softmaxOfSelected(2)),
        choice(
            "llama4_text",
            "sigmoid of the selected",
            c -> {},
            new TopKGating(1, Scoring.SIGMOID_OF_SELECTED, null, false, 1)),
        choice(
            "llama4_text",
            "one by default",
            c -> c.without("num_experts_per_tok"),
            new TopKGating(1, Scoring.SIGMOID_OF_SELECTED, null, false, 1)));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("choices")
  void isWhatTheConfigSays(String family, String what, String config, Gating expected) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThat(model.modelType()).as(what).isEqualTo(family);
      assertThat(model.layout().gating()).isEqualTo(expected);
      assertThat(model.layout().routerWeightOnInput()).isEqualTo(family.equals("llama4_text"));
    }
  }

  @Test
  void takesTheActivationFromHiddenAct() {
    String config = FamilyConfig.of("mixtral").with("hidden_act", "gelu_pytorch_tanh").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config, List.of())) {
      assertThat(MoeModel.of(checkpoint).layout().activation()).isEqualTo(Activation.GELU_TANH);
    }
    String without = FamilyConfig.of("mixtral").without("hidden_act").json();
    try (Checkpoint checkpoint = ModelDirectory.open(directory, without, List.of())) {
      assertThat(MoeModel.of(checkpoint).layout().activation()).isEqualTo(Activation.SILU);
    }
  }

  /// Where the config's `hidden_act` is not it, or not all of it.
  @Test
  void knowsClampedActivations() {
    assertThat(activation(FamilyConfig.of("minimax_m3_vl_text")))
        .isEqualTo(Activation.swigluOai(0.5f));
    assertThat(activation(FamilyConfig.of("hy_v4").without("swiglu_limit")))
        .isEqualTo(Activation.swigluClamped(10));
    assertThat(activation(FamilyConfig.of("glm5_next_text")))
        .isEqualTo(Activation.swigluClamped(0.5f));
    assertThat(activation(FamilyConfig.of("openai_privacy_filter").with("swiglu_limit", 3)))
        .isEqualTo(Activation.swigluOai(7));
    assertThat(activation(FamilyConfig.of("step3p5"))).isEqualTo(Activation.SILU);
    assertThat(activation(FamilyConfig.of("step3p5").withJson("swiglu_limits", "[2, 0]")))
        .isEqualTo(Activation.swigluStep(2));
  }

  private Activation activation(FamilyConfig config) {
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config.json(), List.of())) {
      return MoeModel.of(checkpoint).layout().activation();
    }
  }

  private interface Change {
    void to(FamilyConfig config);
  }

  private static Arguments choice(String family, String what, Change change, Gating expected) {
    FamilyConfig config = FamilyConfig.of(family);
    change.to(config);
    return Arguments.of(family, what, config.json(), expected);
  }
}
