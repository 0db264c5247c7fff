package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// MiniMax-M3, text part: a sigmoid for each expert, a correction bias for the selection,
/// renormalised, scaled; gpt-oss's clamped SwiGLU in routed and shared experts. w1 is the gate, w3
/// up, w2 down. Its configs call the activation `swigluoai` or `silu`, and it is neither's choice.
///
/// Facts: transformers,
/// [modeling_minimax_m3_vl.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/minimax_m3_vl/modeling_minimax_m3_vl.py)
/// and its config class.
final class MiniMaxM3 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("minimax_m3_vl", "minimax_m3_vl_text")
              .router("sigmoid, correction bias, renormalised, `routed_scaling_factor`")
              .experts("`block_sparse_moe.experts.N.w1/w3/w2`")
              .also(
                  "clamped SwiGLU (`swiglu_alpha`, `swiglu_limit`); shared experts;"
                      + " `mlp_layer_types`, `moe_layer_freq`")
              .released("MiniMaxAI/MiniMax-M3"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.byFrequency(config, 0)))
        .blocks("block_sparse_moe", "mlp")
        .correctionBias("e_score_correction_bias", "gate.e_score_correction_bias")
        .storages(
            ExpertStorage.PerExpert.W123, ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ)
        .shared("shared_experts", config.positiveOr(3072, "shared_intermediate_size"), null)
        .activation(
            new Activation(
                Activation.Function.SWIGLU_OAI,
                (float) config.numberOr(7, "swiglu_limit"),
                (float) config.numberOr(1.702, "swiglu_alpha")))
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            new TopKGating(
                config.positive("num_experts_per_tok"),
                TopKGating.Scoring.SIGMOID,
                null,
                true,
                (float) config.numberOr(2, "routed_scaling_factor"),
                0));
  }
}
