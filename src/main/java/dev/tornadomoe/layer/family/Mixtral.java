package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Mixtral: softmax, top-k, always renormalised; w1 is the gate, w3 up, w2 down.
final class Mixtral implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("mixtral")
              .router("softmax, top-k, renormalised")
              .experts("`block_sparse_moe.experts.N.w1/w3/w2`")
              .also("`mlp.experts.N.gate_proj…`, fused")
              .released("mistralai/Mixtral-8x7B-v0.1"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .blocks("block_sparse_moe", "mlp", "feed_forward")
        .storages(
            ExpertStorage.PerExpert.W123, ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ)
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            TopKGating.softmax(config.positive("num_experts_per_tok"), true));
  }
}
