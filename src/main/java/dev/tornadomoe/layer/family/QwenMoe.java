package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.Set;

/// Qwen2-MoE, Qwen3-MoE, Qwen3-Next and the language models of Qwen3-VL and Qwen3-Omni (its
/// thinker): softmax, top-k, renormalised if the config says so, in Qwen3-VL always. Qwen2 and
/// Qwen3-Next have a shared expert with a sigmoid gate. Mellum is Qwen3-MoE with `mlp_layer_types`.
///
/// Facts: transformers, modeling_qwen2_moe.py, modeling_qwen3_moe.py,
/// [modeling_qwen3_next.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/qwen3_next/modeling_qwen3_next.py),
/// modeling_qwen3_vl_moe.py and modeling_qwen3_omni_moe.py with their config classes.
final class QwenMoe implements MoeFamily {

  @Override
  public Set<String> modelTypes() {
    return Set.of(
        "qwen2_moe",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl_moe",
        "qwen3_vl_moe_text",
        "qwen3_omni_moe",
        "qwen3_omni_moe_thinker",
        "qwen3_omni_moe_text",
        "mellum");
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    String modelType = config.modelType();
    ModelLayout.Builder layout =
        ModelLayout.builder(config)
            .moeLayers(SparseLayers.byType(config, SparseLayers.byStep(config)));
    if (modelType.equals("qwen2_moe") || modelType.equals("qwen3_next")) {
      layout.shared(
          "shared_expert",
          config.positive("shared_expert_intermediate_size"),
          "shared_expert_gate");
    }
    return layout.build(
        config.positive("moe_intermediate_size"),
        config.positive("num_experts", "num_local_experts"),
        TopKGating.softmax(config.positive("num_experts_per_tok"), isRenormalised(config)));
  }

  private static boolean isRenormalised(ModelConfig config) {
    return switch (config.modelType()) {
      case "qwen3_vl_moe", "qwen3_vl_moe_text" -> true;
      case "qwen2_moe", "qwen3_moe" -> config.flagOr(false, "norm_topk_prob");
      default -> config.flagOr(true, "norm_topk_prob");
    };
  }
}
