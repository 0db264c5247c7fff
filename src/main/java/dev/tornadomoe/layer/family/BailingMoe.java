package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// Ling and Ring. Version 1: softmax, top-k, renormalised if the config says so. Version 2: a
/// sigmoid for each expert, a correction bias for the selection, groups judged by the sum of their
/// two highest, renormalised, scaled. Shared experts; the first layers may be dense.
///
/// Facts: vLLM's bailing_moe.py and the models' own modeling_bailing_moe_v2.py, which disagree on
/// version 2 without `norm_topk_prob`, so that is refused.
final class BailingMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("bailing_moe")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("`mlp.experts.N…`")
              .also("shared experts")
              .released("inclusionAI/Ling-lite"),
          ModelNotes.of("bailing_moe_v2")
              .router("as deepseek_v3")
              .experts("`mlp.experts.N…`")
              .also("`mlp.gate.expert_bias`")
              .released("inclusionAI/Ling-mini-2.0"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    boolean corrected = config.flagOr(false, "moe_router_enable_expert_bias");
    config.expect("score_function", corrected ? "sigmoid" : "softmax");
    int intermediate = config.positive("moe_intermediate_size");
    long shared = config.positiveOr(intermediate, "moe_shared_expert_intermediate_size");
    ModelLayout.Builder layout =
        ModelLayout.builder(config)
            .moeLayers(SparseLayers.afterDense(config, 0))
            .shared("shared_experts", shared * config.countOr(0, "num_shared_experts"), null);
    if (corrected) {
      layout.correctionBias("gate.expert_bias");
    }
    return layout.build(intermediate, config.positive("num_experts"), gating(config, corrected));
  }

  private static TopKGating gating(ModelConfig config, boolean corrected) {
    boolean renormalise = config.flagOr(true, "norm_topk_prob");
    if (corrected) {
      if (!renormalise) {
        throw new LayerException(
            String.format(
                Locale.ROOT,
                "%s with \"norm_topk_prob\": false is not supported",
                config.modelType()));
      }
      return SigmoidRouting.gating(config, new SigmoidRouting.Defaults(1, 1, 1, true));
    }
    if (config.countOr(1, "n_group") > 1) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s with softmax and groups of experts is not supported",
              config.modelType()));
    }
    return TopKGating.softmax(config.positive("num_experts_per_tok"), renormalise)
        .scaled((float) config.numberOr(1, "routed_scaling_factor"));
  }
}
