package dev.tornadomoe.layer.family;

import java.util.LinkedHashMap;
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
      case "mixtral", "granitemoe", "gpt_oss", "phimoe" ->
          config.with("intermediate_size", INTERMEDIATE).with("num_local_experts", EXPERTS);
      case "olmoe" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", false);
      case "qwen2_moe" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", false)
              .with("decoder_sparse_step", 1)
              .withJson("mlp_only_layers", "[]");
      case "qwen3_moe" ->
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
      case "deepseek_v3", "glm4_moe" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 1)
              .with("first_k_dense_replace", 0)
              .with("n_group", modelType.equals("glm4_moe") ? 1 : 2)
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
      default -> throw new IllegalArgumentException(modelType);
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
    return "{\"model_type\": \"%s\", \"text_config\": %s, \"vision_config\": {\"hidden_size\": 7}%s}"
        .formatted(modelType, json(), fields.length == 0 ? "" : ", " + String.join(", ", fields));
  }

  String json() {
    return fields.entrySet().stream()
        .map(field -> "\"%s\": %s".formatted(field.getKey(), field.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }
}
