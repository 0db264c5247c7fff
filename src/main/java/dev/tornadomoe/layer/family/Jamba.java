package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Jamba: softmax, top-k, not renormalised; every `expert_layer_period`-th layer from
/// `expert_layer_offset` is an MoE layer.
///
/// Facts: transformers,
/// [modeling_jamba.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/jamba/modeling_jamba.py)
/// and its config class.
final class Jamba implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("jamba")
              .router("softmax, top-k")
              .experts("`feed_forward.experts.N…`, fused")
              .also("`feed_forward.router`; `expert_layer_period`, `expert_layer_offset`")
              .released("ai21labs/Jamba-v0.1"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int experts = config.positive("num_experts", "num_local_experts");
    int period = config.positiveOr(2, "expert_layer_period");
    int offset = config.countOr(1, "expert_layer_offset");
    return ModelLayout.builder(config)
        .moeLayers(layer -> experts > 1 && layer % period == offset)
        .blocks("feed_forward")
        .routers("router")
        .build(
            config.positive("intermediate_size"),
            experts,
            TopKGating.softmax(config.positive("num_experts_per_tok"), false));
  }
}
