package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Qwen3.5-MoE and Qwen4, text parts: softmax, top-k, renormalised, in Qwen4 if the config says so;
/// a shared expert with a sigmoid gate; every layer is an MoE layer.
///
/// Facts on Qwen4: transformers,
/// [modeling_qwen4_exp.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/qwen4_exp/modeling_qwen4_exp.py)
/// and its config class.
final class Qwen35Moe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("qwen3_5_moe", "qwen3_5_moe_text")
              .router("softmax, top-k, renormalised")
              .experts("fused, per expert")
              .also("shared expert with sigmoid gate; `model.language_model.` prefix")
              .released("Qwen/Qwen3.5-35B-A3B"),
          ModelNotes.of("qwen4_exp", "qwen4_exp_text")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("`mlp.experts.N…`, fused")
              .also("as qwen3_5_moe")
              .released("Qwen/Qwen4-Exp"));

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
            TopKGating.softmax(config.positive("num_experts_per_tok"), isRenormalised(config)));
  }

  private static boolean isRenormalised(ModelConfig config) {
    return !config.modelType().startsWith("qwen4") || config.flagOr(true, "norm_topk_prob");
  }
}
