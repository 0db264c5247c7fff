package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Hunyuan 3: a sigmoid for each expert, a correction bias for the selection, renormalised, scaled;
/// a shared expert; the first layer is dense.
///
/// Facts: transformers,
/// [modeling_hy_v3.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/hy_v3/modeling_hy_v3.py),
/// its config class and conversion mapping.
final class HunyuanV3 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("hy_v3")
              .router("sigmoid, correction bias, renormalised, `router_scaling_factor`")
              .experts("`mlp.experts.N…`, fused")
              .also("`mlp.router.gate`, `mlp.expert_bias`, `mlp.shared_mlp`")
              .released("tencent/Hy3-preview"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, 1)))
        .routers("router.gate", "gate")
        .correctionBias("expert_bias", "e_score_correction_bias")
        .shared("shared_mlp", (long) intermediate * config.countOr(1, "num_shared_experts"), null)
        .build(
            intermediate,
            config.positive("num_experts", "num_local_experts"),
            new TopKGating(
                config.positive("num_experts_per_tok"),
                TopKGating.Scoring.SIGMOID,
                null,
                true,
                (float) config.numberOr(2.826, "router_scaling_factor")));
  }
}
