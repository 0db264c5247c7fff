package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Kimi Linear: DeepSeek-V3's routing under its own config keys; w1 is the gate, w3 up, w2 down.
///
/// Facts: transformers,
/// [modeling_kimi_linear.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/kimi_linear/modeling_kimi_linear.py),
/// its config class and conversion mapping.
final class KimiLinear implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("kimi_linear")
              .router("as deepseek_v3")
              .experts("`block_sparse_moe.experts.N.w1/w3/w2`, `mlp.experts.N…`, fused")
              .also("its own keys: `num_experts_per_token`, `moe_renormalize`, `num_expert_group`")
              .released("moonshotai/Kimi-Linear-48B-A3B-Instruct"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    config.expect("moe_router_activation_func", "sigmoid");
    int intermediate = config.positive("moe_intermediate_size");
    int shared = config.countOr(1, "num_shared_experts", "n_shared_experts");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, 1)))
        .blocks("block_sparse_moe", "mlp")
        .correctionBias("gate.e_score_correction_bias")
        .storages(
            ExpertStorage.PerExpert.W123, ExpertStorage.PerExpert.PROJ, ExpertStorage.Fused.PROJ)
        .shared("shared_experts", (long) intermediate * shared, null)
        .build(intermediate, config.positive("num_experts", "num_local_experts"), gating(config));
  }

  private static TopKGating gating(ModelConfig config) {
    TopKGating gating =
        new TopKGating(
            config.positive("num_experts_per_token", "num_experts_per_tok"),
            TopKGating.Scoring.SIGMOID,
            null,
            config.flagOr(config.flagOr(true, "norm_topk_prob"), "moe_renormalize"),
            (float) config.numberOr(2.446, "routed_scaling_factor"));
    int groups = config.countOr(1, "num_expert_group", "n_group");
    return groups <= 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups, config.countOr(1, "topk_group"), TopKGating.GroupScore.SUM_OF_TWO));
  }
}
