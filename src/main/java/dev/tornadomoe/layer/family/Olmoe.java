package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// OLMoE and FlexOlmo: softmax, top-k, renormalised if the config says so.
///
/// Facts: transformers, modeling_olmoe.py and
/// [modeling_flex_olmo.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/flex_olmo/modeling_flex_olmo.py).
final class Olmoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("olmoe", "flex_olmo")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("`mlp.experts.N…`, fused")
              .released("allenai/OLMoE-1B-7B-0924", "allenai/FlexOlmo-7x7B-1T"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .build(
            config.positive("intermediate_size"),
            config.positive("num_experts", "num_local_experts"),
            TopKGating.softmax(
                config.positive("num_experts_per_tok"), config.flagOr(false, "norm_topk_prob")));
  }
}
