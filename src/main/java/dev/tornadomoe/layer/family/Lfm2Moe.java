package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// LFM2-MoE: a sigmoid for each expert, a correction bias for the selection, renormalised with an
/// epsilon of 1e-6, scaled; the first layers are dense. w1 is the gate, w3 up, w2 down; the
/// activation is SiLU, which its configs don't name.
///
/// Facts: transformers,
/// [modeling_lfm2_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/lfm2_moe/modeling_lfm2_moe.py)
/// and its conversion mapping.
final class Lfm2Moe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("lfm2_moe")
              .router("sigmoid, correction bias, renormalised with epsilon 1e-6, scaled")
              .experts("`feed_forward.experts.N.w1/w3/w2`, fused")
              .also("`feed_forward.expert_bias`; `num_dense_layers`")
              .released("LiquidAI/LFM2-8B-A1B"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int dense = config.countOr(2, "num_dense_layers");
    ModelLayout.Builder layout =
        ModelLayout.builder(config)
            .moeLayers(layer -> layer >= dense)
            .blocks("feed_forward")
            .storages(
                ExpertStorage.PerExpert.W123,
                ExpertStorage.PerExpert.PROJ,
                ExpertStorage.Fused.PROJ)
            .activation(Activation.SILU);
    if (config.flagOr(true, "use_expert_bias")) {
      layout.correctionBias("expert_bias");
    }
    return layout.build(
        config.positive("moe_intermediate_size"),
        config.positive("num_experts", "num_local_experts"),
        new TopKGating(
            config.positive("num_experts_per_tok"),
            TopKGating.Scoring.SIGMOID,
            null,
            config.flagOr(true, "norm_topk_prob"),
            (float) config.numberOr(1, "routed_scaling_factor"),
            1e-6f));
  }
}
