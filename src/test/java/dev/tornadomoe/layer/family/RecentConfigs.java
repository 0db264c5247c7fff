package dev.tornadomoe.layer.family;

import static dev.tornadomoe.layer.family.FamilyConfig.EXPERTS;
import static dev.tornadomoe.layer.family.FamilyConfig.HIDDEN;
import static dev.tornadomoe.layer.family.FamilyConfig.INTERMEDIATE;
import static dev.tornadomoe.layer.family.FamilyConfig.SHARED;

/// What [FamilyConfig] has for the families of 2026, and for old ones with rules of their own.
final class RecentConfigs {
  private RecentConfigs() {}

  /// @param config with what all families have
  static FamilyConfig of(String modelType, FamilyConfig config) {
    return switch (modelType) {
      case "qwen4_exp", "qwen4_exp_text" ->
          config
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_experts", EXPERTS)
              .with("norm_topk_prob", true);
      case "ernie4_5_vl_moe_text" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", 99)
              .withJson("moe_intermediate_size", "[8, 5]")
              .with("moe_k", 2)
              .with("moe_num_experts", EXPERTS)
              .with("moe_num_shared_experts", 2)
              .with("moe_norm_min", 1e-12)
              .withJson("mlp_layer_types", "[\"sparse\", \"sparse\"]");
      case "ernie4_5_moe_vl" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", 99)
              .withJson("moe_intermediate_size", "[8, 5]")
              .with("moe_k", 2)
              .withJson("moe_num_experts", "[6, 6]")
              .with("moe_num_shared_experts", 2)
              .withJson("moe_layer_start_index", "[0, 0]")
              .withJson("moe_layer_end_index", "[29, 28]")
              .with("moe_layer_interval", 1);
      case "qwen3_omni_moe_talker_text" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("shared_expert_intermediate_size", SHARED)
              .with("num_local_experts", EXPERTS)
              .with("norm_topk_prob", false)
              .with("decoder_sparse_step", 1)
              .withJson("mlp_only_layers", "[]");
      case "deepseek_v4" ->
          config
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 1)
              .with("num_hash_layers", 1)
              .with("vocab_size", 7)
              .with("norm_topk_prob", true)
              .with("scoring_func", "sqrtsoftplus")
              .with("topk_method", "noaux_tc")
              .with("routed_scaling_factor", 1.5)
              .with("swiglu_limit", 0.5);
      case "deepseek_v41_text" ->
          config
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 1)
              .with("vocab_size", 7)
              .with("norm_topk_prob", true)
              .with("scoring_func", "sqrtsoftplus")
              .with("topk_method", "noaux_tc")
              .with("gate_temp", 1.0)
              .with("routed_scaling_factor", 1.5)
              .with("swiglu_limit", 0.5);
      case "gemma4_text", "diffusion_gemma_text" ->
          config
              .without("hidden_act")
              .without("num_experts_per_tok")
              .with("hidden_activation", "gelu_pytorch_tanh")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("top_k_experts", 2)
              .with("enable_moe_block", true)
              .with("rms_norm_eps", 0.25);
      case "zaya" ->
          config
              .with("num_experts_per_tok", 1)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("num_experts", EXPERTS)
              .with("router_hidden_size", 5)
              .with("rms_norm_eps", 0.25);
      case "axk1" ->
          deepseek(config).with("n_group", 1).with("topk_group", 1).with("rms_norm_eps", 0.25);
      case "minimax_m3_vl_text" ->
          config
              .with("hidden_act", "swigluoai")
              .with("dense_intermediate_size", 99)
              .with("intermediate_size", INTERMEDIATE)
              .with("shared_intermediate_size", SHARED)
              .with("num_local_experts", EXPERTS)
              .with("routed_scaling_factor", 2.0)
              .with("swiglu_alpha", 1.702)
              .with("swiglu_limit", 0.5)
              .withJson("mlp_layer_types", "[\"sparse\", \"sparse\"]");
      case "glm5_next_text", "hy_v4" ->
          deepseek(config).with("swiglu_limit", 0.5).with("n_group", 1).with("topk_group", 1);
      case "axk2" -> deepseek(config);
      case "mistral4" ->
          deepseek(config)
              .without("mlp_layer_types")
              .with("first_k_dense_replace", 0)
              .with("n_group", 2)
              .with("topk_group", 1);
      case "deepseek_ocr2_text" ->
          deepseek(config)
              .without("norm_topk_prob")
              .with("topk_method", "greedy")
              .with("n_group", 1)
              .with("topk_group", 1);
      case "step3p5" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("share_expert_dim", SHARED)
              .with("moe_num_experts", EXPERTS)
              .with("moe_top_k", 2)
              .with("moe_layers_enum", "0,1")
              .with("moe_router_activation", "sigmoid")
              .with("moe_router_scaling_factor", 3.0)
              .with("norm_expert_weight", true)
              .with("use_moe_router_bias", true)
              .withJson("swiglu_limits", "[0.0, 0.25]")
              .withJson("swiglu_limits_shared", "[0.25, 0.0]");
      case "cohere2_moe" ->
          config
              .with("intermediate_size", INTERMEDIATE)
              .with("prefix_dense_intermediate_size", 99)
              .with("num_experts", EXPERTS)
              .with("num_shared_experts", 2)
              .with("expert_selection_fn", "sigmoid")
              .with("norm_topk_prob", true)
              .with("shared_expert_combination_strategy", "average");
      case "openai_privacy_filter" ->
          config
              .without("hidden_act")
              .with("intermediate_size", INTERMEDIATE)
              .with("num_local_experts", EXPERTS);
      case "dbrx" ->
          new FamilyConfig()
              .with("model_type", "dbrx")
              .with("d_model", HIDDEN)
              .with("n_layers", 2)
              .withJson("ffn_config", dbrxExperts("2.0"));
      case "aria_text" ->
          config
              .without("num_experts_per_tok")
              .with("intermediate_size", INTERMEDIATE)
              .with("moe_num_experts", EXPERTS)
              .with("moe_topk", 2)
              .with("moe_num_shared_experts", 2);
      case "jetmoe" ->
          config
              .without("hidden_act")
              .with("activation_function", "silu")
              .with("intermediate_size", INTERMEDIATE)
              .with("num_local_experts", EXPERTS);
      case "inkling_text" ->
          config
              .with("intermediate_size", 99)
              .with("moe_intermediate_size", INTERMEDIATE)
              .with("n_routed_experts", EXPERTS)
              .with("n_shared_experts", 2)
              .with("route_scale", 8.0)
              .withJson("mlp_layer_types", "[\"sparse\", \"sparse\"]");
      default -> throw new IllegalArgumentException(modelType);
    };
  }

  /// DBRX's `ffn_config`.
  ///
  /// @param norm `moe_normalize_expert_weights`, as JSON
  static String dbrxExperts(String norm) {
    return "{\"ffn_act_fn\": {\"name\": \"silu\"}, \"ffn_hidden_size\": "
        + INTERMEDIATE
        + ", \"moe_num_experts\": "
        + EXPERTS
        + ", \"moe_top_k\": 2, \"moe_normalize_expert_weights\": "
        + norm
        + "}";
  }

  private static FamilyConfig deepseek(FamilyConfig config) {
    return config
        .with("intermediate_size", 99)
        .with("moe_intermediate_size", INTERMEDIATE)
        .with("n_routed_experts", EXPERTS)
        .with("n_shared_experts", 1)
        .with("norm_topk_prob", true)
        .with("routed_scaling_factor", 2.5)
        .withJson("mlp_layer_types", "[\"sparse\", \"sparse\"]");
  }
}
