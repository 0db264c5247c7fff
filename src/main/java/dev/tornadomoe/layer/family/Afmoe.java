package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// AFMoE (Trinity): a sigmoid for each expert, a correction bias for the selection, renormalised,
/// scaled by `route_scale`; shared experts; the first layers are dense.
///
/// Facts: transformers,
/// [modeling_afmoe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/afmoe/modeling_afmoe.py),
/// which reads neither `score_func` nor `route_norm` nor groups; configs that say something else
/// are refused.
final class Afmoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("afmoe")
              .router("sigmoid, correction bias, renormalised, `route_scale`")
              .experts("`mlp.experts.N…`, fused")
              .also("`mlp.router.gate`, `mlp.expert_bias`; `num_dense_layers`")
              .released("arcee-ai/Trinity-Mini"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    config.expect("score_func", "sigmoid");
    if (!config.flagOr(true, "route_norm")) {
      throw new LayerException("afmoe with \"route_norm\": false is not supported");
    }
    if (config.countOr(1, "n_group") > 1 || config.countOr(1, "num_expert_groups") > 1) {
      throw new LayerException("afmoe with groups of experts is not supported");
    }
    int dense = config.countOr(1, "num_dense_layers");
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(layer -> layer >= dense)
        .routers("router.gate", "router")
        .correctionBias("expert_bias")
        .shared(
            "shared_experts", (long) intermediate * config.countOr(2, "num_shared_experts"), null)
        .build(
            intermediate,
            config.positive("num_experts", "num_local_experts"),
            new TopKGating(
                config.positive("num_experts_per_tok"),
                TopKGating.Scoring.SIGMOID,
                null,
                true,
                (float) config.numberOr(1, "route_scale")));
  }
}
