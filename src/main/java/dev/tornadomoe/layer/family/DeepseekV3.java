package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.Set;

/// DeepSeek-V3 and GLM-4.5: a sigmoid for each expert, a correction bias for the selection, top-k
/// among the best groups (judged by the sum of their two highest), renormalised, times the scaling
/// factor. Experts of other groups can't be selected, whatever their score. transformers computes
/// this whatever `scoring_func` and `topk_method` say; a config that says something else is
/// refused.
final class DeepseekV3 implements MoeFamily {

  @Override
  public Set<String> modelTypes() {
    return Set.of("deepseek_v3", "glm4_moe");
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    boolean glm = config.modelType().equals("glm4_moe");
    int intermediate = config.positive("moe_intermediate_size");
    int shared = config.isNull("n_shared_experts") ? 0 : config.countOr(1, "n_shared_experts");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.afterDense(config, glm ? 1 : 3))
        .correctionBias("gate.e_score_correction_bias")
        .shared("shared_experts", (long) intermediate * shared, null)
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_local_experts", "num_experts"),
            gating(config, glm));
  }

  private static TopKGating gating(ModelConfig config, boolean glm) {
    config.expect("scoring_func", "sigmoid");
    config.expect("topk_method", "noaux_tc");
    int groups = config.isNull("n_group") ? 1 : config.countOr(glm ? 1 : 8, "n_group");
    TopKGating gating =
        new TopKGating(
            config.positive("num_experts_per_tok"),
            TopKGating.Scoring.SIGMOID,
            null,
            config.flagOr(true, "norm_topk_prob"),
            (float) config.numberOr(glm ? 1 : 2.5, "routed_scaling_factor"));
    return groups <= 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups,
                config.countOr(glm ? 1 : 4, "topk_group"),
                TopKGating.GroupScore.SUM_OF_TWO));
  }
}
