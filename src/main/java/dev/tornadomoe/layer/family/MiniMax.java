package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// MiniMax-Text-01 and M1: softmax, top-k, renormalised, as Mixtral. MiniMax-M2: a sigmoid for each
/// expert, a correction bias for the selection, renormalised. w1 is the gate, w3 up, w2 down.
///
/// Facts: transformers,
/// [modeling_minimax.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/minimax/modeling_minimax.py)
/// and
/// [modeling_minimax_m2.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/minimax_m2/modeling_minimax_m2.py);
/// `use_routing_bias` from vLLM's minimax_m2.py. The factors around the residual
/// (`mlp_alpha_factor`) belong to the layer around the MoE block. No release has a shared expert.
final class MiniMax implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("minimax", "minimax_text_01", "minimax_m1")
              .router("as mixtral")
              .experts("as mixtral")
              .released("MiniMaxAI/MiniMax-Text-01-hf", "MiniMaxAI/MiniMax-Text-01"),
          ModelNotes.of("minimax_m2")
              .router("sigmoid, correction bias, renormalised")
              .experts("as mixtral")
              .also("`block_sparse_moe.e_score_correction_bias`; `use_routing_bias`")
              .released("MiniMaxAI/MiniMax-M2"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int shared = config.countOr(0, "shared_intermediate_size");
    if (shared != 0) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s with \"shared_intermediate_size\": %d is not supported",
              config.modelType(),
              shared));
    }
    boolean m2 = config.modelType().equals("minimax_m2");
    ModelLayout.Builder layout =
        ModelLayout.builder(config)
            .blocks("block_sparse_moe", "mlp")
            .storages(
                ExpertStorage.PerExpert.W123,
                ExpertStorage.PerExpert.PROJ,
                ExpertStorage.Fused.PROJ);
    if (m2 && config.flagOr(true, "use_routing_bias")) {
      layout.correctionBias("e_score_correction_bias");
    }
    config.expect("scoring_func", m2 ? "sigmoid" : "softmax");
    int topK = config.positive("num_experts_per_tok");
    return layout.build(
        config.positive("intermediate_size"),
        config.positive("num_local_experts", "num_experts"),
        m2
            ? new TopKGating(topK, TopKGating.Scoring.SIGMOID, null, true, 1, 0)
            : TopKGating.softmax(topK, true));
  }
}
