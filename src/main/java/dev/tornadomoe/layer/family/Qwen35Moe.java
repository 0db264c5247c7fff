package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Qwen3.5-MoE, text part: softmax, top-k, always renormalised; a shared expert with a sigmoid
/// gate; every layer is an MoE layer.
final class Qwen35Moe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("qwen3_5_moe", "qwen3_5_moe_text")
              .router("softmax, top-k, renormalised")
              .experts("fused, per expert")
              .also("shared expert with sigmoid gate; `model.language_model.` prefix")
              .released("Qwen/Qwen3.5-35B-A3B"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .shared(
            "shared_expert",
            config.positive("shared_expert_intermediate_size"),
            "shared_expert_gate")
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("num_experts", "num_local_experts"),
            TopKGating.softmax(config.positive("num_experts_per_tok"), true));
  }
}
