package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Laguna: a sigmoid for each expert, a correction bias for the selection, renormalised, scaled; a
/// shared expert with its own size; the first layer is dense.
///
/// Facts: transformers,
/// [modeling_laguna.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/laguna/modeling_laguna.py),
/// its config class and conversion mapping. Logits through a soft cap are refused.
final class Laguna implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("laguna")
              .router("sigmoid, correction bias, renormalised, `moe_routed_scaling_factor`")
              .experts("`mlp.experts.N…`, fused")
              .also("`mlp.experts.e_score_correction_bias`; `shared_expert`; `mlp_layer_types`")
              .released("poolside/laguna-XS.2"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    if (config.numberOr(0, "moe_router_logit_softcapping") > 0
        || config.flagOr(false, "moe_apply_router_weight_on_input")) {
      throw new LayerException(
          "laguna with \"moe_router_logit_softcapping\" or \"moe_apply_router_weight_on_input\" is"
              + " not supported");
    }
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, layer -> layer > 0))
        .correctionBias("experts.e_score_correction_bias", "gate.e_score_correction_bias")
        .shared("shared_expert", config.positive("shared_expert_intermediate_size"), null)
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("num_experts", "num_local_experts"),
            new TopKGating(
                config.positive("num_experts_per_tok"),
                TopKGating.Scoring.SIGMOID,
                null,
                true,
                (float) config.numberOr(1, "moe_routed_scaling_factor"),
                0));
  }
}
