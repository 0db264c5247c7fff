package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Llama 4, text part: the highest logit, its sigmoid as weight on the expert's input; a shared
/// expert of the same size. `intermediate_size` is the experts', `intermediate_size_mlp` the dense
/// layers'.
final class Llama4 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("llama4", "llama4_text")
              .router("highest logit, its sigmoid on the expert's input")
              .experts("`feed_forward.experts.gate_up_proj` fused and transposed, per expert")
              .also("shared expert; `moe_layers`, `interleave_moe_layer_step`")
              .released("meta-llama/Llama-4-Scout-17B-16E"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.listed(config))
        .blocks("feed_forward")
        .routers("router")
        .storages(ExpertStorage.Fused.PROJ, ExpertStorage.PerExpert.PROJ)
        .shared("shared_expert", intermediate, null)
        .routerWeightOnInput(true)
        .build(
            intermediate,
            config.positive("num_local_experts", "num_experts"),
            new TopKGating(
                config.countOr(1, "num_experts_per_tok"),
                TopKGating.Scoring.SIGMOID_OF_SELECTED,
                null,
                false,
                1));
  }
}
