package dev.tornadomoe.layer.family;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// The `config.json` of a small model of each family, in the keys that its real configs use: hidden
/// size 12, intermediate size 8, six experts (in two groups where the family has groups), two
/// layers, all of them MoE layers.
final class FamilyConfig {
  static final int HIDDEN = 12;
  static final int INTERMEDIATE = 8;
  static final int EXPERTS = 6;
  static final int SHARED = 10;

  private final Map<String, String> fields = new LinkedHashMap<>();

  static FamilyConfig of(String modelType) {
    FamilyConfig config =
        new FamilyConfig()
            .with("model_type", modelType)
            .with("hidden_size", HIDDEN)
            .with("num_hidden_layers", 2)
            .with("hidden_act", "silu")
            .with("num_experts_per_tok", 2);
    return switch (modelType) {
      case "mixtral",
          "granitemoe",
          "gpt_oss",
          "phimoe",
          "minimax",
          "minimax_text_01",
          "minimax_m1",
          "minimax_m2" ->
          config.with("intermediate_size", INTERMEDIATE).with("num_local_experts", EXPERTS);
      case "granitemoeshared", "granitemoehybrid", "granitemoe_swa" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("num_local_experts", EXPERTS)
              .with("shared_intermediate_size", SHARED);
      case "ernie4_5_moe" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("moe_k", 2)
              .with("moe_num_experts", EXPERTS)
              .with("moe_num_shared_experts", 2)
              .with("moe_layer_start_index", 0)
              .with("moe_layer_end_index", -1)
              .with("moe_layer_interval", 1)
              .with("moe_norm_min", 1e-12);
      case "hunyuan_v1_moe" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", INTERMEDIATE)
              .withJson("moe_intermediate_size", "[8, 8]")
              .with("num_experts", EXPERTS)
              .withJson("moe_topk", "[2, 2]")
              .withJson("num_shared_expert", "[1, 1]")
              .with("use_mixed_mlp_moe", true);
      case "lfm2_moe" ->
          config
              .without("hidden_act")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_dense_layers", 0)
              .with("use_expert_bias", true)
              .with("norm_topk_prob", true)
              .with("routed_scaling_factor", 1.0);
      case "longcat_flash" ->
          config
              .without("num_hidden_layers")
              .without("num_experts_per_tok")
              .without("hidden_act")
              .with("num_layers", 2)
              .with("ffn_hidden_size", 99)
              .with("expert_ffn_hidden_size", INTERMEDIATE)
              .with("moe_topk", 2)
              .with("n_routed_experts", EXPERTS)
              .with("zero_expert_num", 3)
              .with("zero_expert_type", "identity")
              .with("routed_scaling_factor", 6.0);
      case "nemotron_h" ->
          config
              .without("hidden_act")
              .without("num_hidden_layers")
              .with("hybrid_override_pattern", "EE")
              .with("mlp_hidden_act", "relu2")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("moe_shared_expert_intermediate_size", SHARED)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 1)
              .with("n_group", 1)
              .with("topk_group", 1)
              .with("norm_topk_prob", true)
              .with("routed_scaling_factor", 2.5);
      case "jamba" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("expert_layer_period", 1)
              .with("expert_layer_offset", 0);
      case "exaone_moe" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 1)
              .with("first_k_dense_replace", 0)
              .with("n_group", 1)
              .with("topk_group", 1)
              .with("norm_topk_prob", true)
              .with("routed_scaling_factor", 2.5)
              .with("scoring_func", "sigmoid");
      case "kimi_linear" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_experts_per_token", 2)
              .with("num_shared_experts", 1)
              .with("num_expert_group", 1)
              .with("topk_group", 1)
              .with("moe_renormalize", true)
              .with("moe_router_activation_func", "sigmoid")
              .with("first_k_dense_replace", 0)
              .with("routed_scaling_factor", 2.5);
      case "laguna" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_experts", EXPERTS)
              .with("moe_routed_scaling_factor", 2.25)
              .with("moe_router_logit_softcapping", 0.0)
              .withJson("mlp_layer_types", "[\"sparse\", \"sparse\"]");
      case "hy_v3" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 1)
              .with("first_k_dense_replace", 0)
              .with("router_scaling_factor", 2.5);
      case "bailing_moe" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 2)
              .with("norm_topk_prob", true);
      case "bailing_moe_v2" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("moe_shared_expert_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 1)
              .with("first_k_dense_replace", 0)
              .with("n_group", 2)
              .with("topk_group", 1)
              .with("score_function", "sigmoid")
              .with("moe_router_enable_expert_bias", true)
              .with("norm_topk_prob", true)
              .with("routed_scaling_factor", 2.5);
      case "afmoe" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 1)
              .with("num_dense_layers", 0)
              .with("score_func", "sigmoid")
              .with("route_norm", true)
              .with("route_scale", 2.25);
      case "olmoe", "flex_olmo" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", false);
      case "qwen2_moe", "qwen3_next" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", modelType.equals("qwen3_next"))
              .with("decoder_sparse_step", 1)
              .withJson("mlp_only_layers", "[]");
      case "mellum", "qwen3_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", true)
              .with("decoder_sparse_step", 1)
              .withJson("mlp_only_layers", "[]");
      case "qwen3_5_moe", "qwen3_5_moe_text" ->
          config
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_experts", EXPERTS);
      case "deepseek_v2" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 2)
              .with("first_k_dense_replace", 0)
              .with("moe_layer_freq", 1)
              .with("n_group", 2)
              .with("topk_group", 1)
              .with("topk_method", "group_limited_greedy")
              .with("norm_topk_prob", false)
              .with("routed_scaling_factor", 16.0);
      case "deepseek_v3",
          "deepseek_v32",
          "kimi_k2",
          "glm4_moe",
          "glm4_moe_lite",
          "glm4v_moe_text",
          "glm_moe_dsa",
          "dots1",
          "solar_open",
          "mimo_v2_flash" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 1)
              .with("first_k_dense_replace", 0)
              .with("n_group", modelType.startsWith("deepseek") ? 2 : 1)
              .with("topk_group", 1)
              .with("norm_topk_prob", true)
              .with("routed_scaling_factor", 2.5);
      case "llama4", "llama4_text" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("intermediate_size_mlp", 99)
              .with("num_local_experts", EXPERTS)
              .with("num_experts_per_tok", 1)
              .with("interleave_moe_layer_step", 1);
      default -> RecentConfigs.of(modelType, config);
    };
  }

  FamilyConfig with(String name, Object value) {
    return withJson(name, value instanceof String ? "\"" + value + "\"" : value.toString());
  }

  /// A value as JSON, in place of the one of its name if there is one.
  FamilyConfig withJson(String name, String json) {
    fields.put(name, json);
    return this;
  }

  FamilyConfig without(String name) {
    if (fields.remove(name) == null) {
      throw new IllegalArgumentException(name + " is not among " + fields.keySet());
    }
    return this;
  }

  FamilyConfig renamed(String from, String to) {
    String value = fields.get(from);
    without(from);
    fields.put(to, value);
    return this;
  }

  /// As the language model of a multimodal one.
  ///
  /// @param fields of the outer object, as JSON
  String insideOf(String modelType, String... fields) {
    return String.format(
        Locale.ROOT,
        "{\"model_type\": \"%s\", \"text_config\": %s, \"vision_config\": {\"hidden_size\": 7}%s}",
        modelType,
        json(),
        fields.length == 0 ? "" : ", " + String.join(", ", fields));
  }

  String json() {
    return fields.entrySet().stream()
        .map(field -> String.format(Locale.ROOT, "\"%s\": %s", field.getKey(), field.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }
}
