package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.Set;

/// Qwen2-MoE and Qwen3-MoE: softmax, top-k, renormalised if the config says so; Qwen2 has a shared
/// expert with a sigmoid gate.
final class QwenMoe implements MoeFamily {

  @Override
  public Set<String> modelTypes() {
    return Set.of("qwen2_moe", "qwen3_moe");
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    ModelLayout.Builder layout = ModelLayout.builder(config).moeLayers(SparseLayers.byStep(config));
    if (config.modelType().equals("qwen2_moe")) {
      layout.shared(
          "shared_expert",
          config.positive("shared_expert_intermediate_size"),
          "shared_expert_gate");
    }
    return layout.build(
        config.positive("moe_intermediate_size"),
        config.positive("num_experts", "num_local_experts"),
        TopKGating.softmax(
            config.positive("num_experts_per_tok"), config.flagOr(false, "norm_topk_prob")));
  }
}
