package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Mistral 4 (also as the language model of a `mistral3`): softmax, top-k among the best groups
/// (judged by the sum of their two highest), renormalised, scaled; shared experts.
///
/// Facts: transformers,
/// [modeling_mistral4.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/mistral4/modeling_mistral4.py)
/// and its config class.
final class Mistral4 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("mistral4")
              .router("softmax, groups by the sum of their best two, `norm_topk_prob`, scaled")
              .experts("fused, `mlp.experts.N…`")
              .also(
                  "shared experts; `first_k_dense_replace`, `moe_layer_freq`; inside `mistral3`:"
                      + " `language_model.model.` prefix")
              .released("mistralai/Mistral-Small-4-119B-2603"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.afterDense(config, 0))
        .shared("shared_experts", (long) intermediate * config.countOr(1, "n_shared_experts"), null)
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_local_experts", "num_experts"),
            gating(config));
  }

  private static TopKGating gating(ModelConfig config) {
    boolean renormalise = !config.isNull("norm_topk_prob") && config.flagOr(true, "norm_topk_prob");
    TopKGating gating =
        TopKGating.softmax(config.positive("num_experts_per_tok"), renormalise)
            .scaled((float) config.numberOr(1, "routed_scaling_factor"));
    int groups = config.positiveOr(1, "n_group");
    return groups == 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups,
                config.positiveOr(1, "topk_group"),
                TopKGating.GroupScore.SUM_OF_TWO,
                true));
  }
}
