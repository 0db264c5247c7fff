package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// Inkling, text part: a sigmoid for each expert, a correction bias for the selection; the chosen
/// experts' weights and those of the shared experts, for which the router has rows of their own,
/// are renormalised together and scaled, by a stored factor too. The short convolution behind the
/// block belongs to the layer around it.
///
/// Facts: transformers,
/// [modeling_inkling.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/inkling/modeling_inkling.py),
/// its config class and conversion mapping. It reads neither `gate_activation` nor
/// `norm_after_topk` nor `shared_expert_sink`; configs that say something else are refused.
final class Inkling implements OwnFamily {
  private static final ExpertStorage.Fused EXPERTS =
      new ExpertStorage.Fused(
          "experts.w13_weight", "experts.w2_weight", ExpertStorage.GateUpOrder.ROWS_IN_TURN, false);
  private static final ExpertStorage.Fused SHARED =
      new ExpertStorage.Fused(
          "shared_experts.shared_w13_weight",
          "shared_experts.shared_w2_weight",
          ExpertStorage.GateUpOrder.ROWS_IN_TURN,
          false);
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("inkling_mm_model", "inkling_text")
              .router(
                  "sigmoid, correction bias, renormalised with the shared experts, `route_scale`,"
                      + " `gate.global_scale`")
              .experts("`mlp.experts.w13_weight/w2_weight`, rows of gate and up in turns")
              .also(
                  "`mlp.gate.bias`; `mlp.shared_experts.shared_w13_weight/shared_w2_weight`,"
                      + " weighed by the router; `model.llm.` prefix; `mlp_layer_types`,"
                      + " `dense_mlp_idx`")
              .released("thinkingmachines/Inkling"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    config.expect("gate_activation", "sigmoid");
    for (String flag : List.of("shared_expert_sink", "norm_after_topk")) {
      if (!config.flagOr(true, flag)) {
        throw new LayerException(
            String.format(
                Locale.ROOT, "%s with \"%s\": false is not supported", config.modelType(), flag));
      }
    }
    int dense = config.countOr(0, "dense_mlp_idx");
    int shared = config.countOr(2, "n_shared_experts");
    TopKGating gating =
        new TopKGating(
            config.positive("num_experts_per_tok"),
            TopKGating.Scoring.SIGMOID,
            null,
            true,
            (float) config.numberOr(8, "route_scale"),
            0);
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, layer -> layer >= dense))
        .correctionBias("gate.bias", "gate.e_score_correction_bias")
        .routerScale("gate.global_scale")
        .storages(EXPERTS)
        .weighedShared(new WeighedShared(shared, SHARED))
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("n_routed_experts", "num_local_experts"),
            gating.withAlways(shared));
  }
}
