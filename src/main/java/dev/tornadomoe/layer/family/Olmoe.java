package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.Set;

/// OLMoE and FlexOlmo: softmax, top-k, renormalised if the config says so.
///
/// Facts: transformers, modeling_olmoe.py and
/// [modeling_flex_olmo.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/flex_olmo/modeling_flex_olmo.py).
final class Olmoe implements MoeFamily {

  @Override
  public Set<String> modelTypes() {
    return Set.of("olmoe", "flex_olmo");
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
