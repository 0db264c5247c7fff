package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;

/// DeepSeek-V3's routing, which many models took over: a sigmoid for each expert, a correction bias
/// for the selection, top-k among the best groups (judged by the sum of their two highest),
/// renormalised, times the scaling factor. transformers computes this whatever `scoring_func` and
/// `topk_method` say; a config that says something else is refused.
final class SigmoidRouting {
  private SigmoidRouting() {}

  /// What a model's own config class takes for absent values.
  ///
  /// @param groups `n_group`
  /// @param kept `topk_group`
  /// @param scale `routed_scaling_factor`
  /// @param renormalise `norm_topk_prob`
  record Defaults(int groups, int kept, double scale, boolean renormalise) {}

  static TopKGating gating(ModelConfig config, Defaults defaults) {
    // dots.llm1 names the method where others name the function.
    boolean isMethod = config.string("scoring_func").filter("noaux_tc"::equals).isPresent();
    if (!isMethod || !config.modelType().equals("dots1")) {
      config.expect("scoring_func", "sigmoid");
    }
    config.expect("topk_method", "noaux_tc");
    int groups = config.isNull("n_group") ? 1 : config.countOr(defaults.groups(), "n_group");
    TopKGating gating =
        new TopKGating(
            config.positive("num_experts_per_tok"),
            TopKGating.Scoring.SIGMOID,
            null,
            config.flagOr(defaults.renormalise(), "norm_topk_prob"),
            (float) config.numberOr(defaults.scale(), "routed_scaling_factor"));
    return groups <= 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups,
                config.countOr(defaults.kept(), "topk_group"),
                TopKGating.GroupScore.SUM_OF_TWO));
  }
}
