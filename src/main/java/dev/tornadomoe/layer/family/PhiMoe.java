package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.SparseMixer;
import java.util.List;
import java.util.Locale;

/// Phi-3.5-MoE: the sparse mixer, two experts per token.
final class PhiMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("phimoe")
              .router("sparse mixer, 2 experts")
              .experts("`block_sparse_moe.experts.N.w1/w3/w2`, `mlp.experts.N…`, fused")
              .released("microsoft/Phi-3.5-MoE-instruct"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int topK = config.countOr(2, "num_experts_per_tok");
    if (topK != 2) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "phimoe chooses 2 experts per token, found \"num_experts_per_tok\": %d",
              topK));
    }
    return ModelLayout.builder(config)
        .blocks("block_sparse_moe", "mlp")
        .routers("gate", "router")
        .storages(
            ExpertStorage.PerExpert.W123, ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ)
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            new SparseMixer((float) config.numberOr(0.01, "router_jitter_noise")));
  }
}
