package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// A.X-K2: DeepSeek-V3's block, with groups only where the config has some, and experts of the
/// other groups chosen by 0 rather than not at all.
///
/// Facts: transformers,
/// [modeling_axk2.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/axk2/modeling_axk2.py)
/// and its config class.
final class AxK2 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("axk2")
              .router("as deepseek_v3, experts of other groups chosen by 0; no groups by default")
              .experts("`mlp.experts.N…`, fused")
              .also("shared experts; `mlp_layer_types`, `first_k_dense_replace`")
              .released("skt/A.X-K2"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, 1)))
        .correctionBias("gate.e_score_correction_bias")
        .shared("shared_experts", (long) intermediate * config.countOr(1, "n_shared_experts"), null)
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_local_experts", "num_experts"),
            gating(config));
  }

  private static TopKGating gating(ModelConfig config) {
    TopKGating gating = SigmoidRouting.gating(config, new SigmoidRouting.Defaults(1, 1, 2.5, true));
    TopKGating.Groups groups = gating.groups();
    return groups == null
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups.count(), config.positive("topk_group"), groups.score(), true));
  }
}
