package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// Cohere's Command A+: top-k by logits, then a softmax of the selected, or their sigmoids,
/// renormalised if the config says so; the result is the average of routed and shared experts, or
/// their sum.
///
/// Facts: transformers,
/// [modeling_cohere2_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/cohere2_moe/modeling_cohere2_moe.py)
/// and its config class. Attention and experts get the same input.
final class CohereMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("cohere2_moe")
              .router(
                  "top-k, softmax or sigmoid of the selected (`expert_selection_fn`),"
                      + " `norm_topk_prob`")
              .experts("`mlp.experts.N…`, fused")
              .also(
                  "shared experts, averaged or added (`shared_expert_combination_strategy`);"
                      + " `mlp_layer_types`, `first_k_dense_replace`, `moe_layer_freq`")
              .released("CohereLabs/command-a-plus-05-2026"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("intermediate_size");
    long shared = (long) intermediate * config.countOr(0, "num_shared_experts");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, 0)))
        .shared("shared_experts", shared, null)
        .averaged(isAveraged(config))
        .build(intermediate, config.positive("num_experts", "num_local_experts"), gating(config));
  }

  private static boolean isAveraged(ModelConfig config) {
    String strategy = config.string("shared_expert_combination_strategy").orElse("average");
    return switch (strategy) {
      case "average" -> true;
      case "sum" -> false;
      default ->
          throw new LayerException(
              String.format(
                  Locale.ROOT,
                  "\"shared_expert_combination_strategy\" is \"%s\", expected average or sum",
                  strategy));
    };
  }

  private static TopKGating gating(ModelConfig config) {
    int topK = config.positive("num_experts_per_tok");
    String function = config.string("expert_selection_fn").orElse("softmax");
    return switch (function) {
      case "softmax" -> TopKGating.softmaxOfSelected(topK);
      case "sigmoid" ->
          new TopKGating(
              topK,
              TopKGating.Scoring.SIGMOID_OF_SELECTED,
              null,
              config.flagOr(true, "norm_topk_prob"),
              1,
              0);
      default ->
          throw new LayerException(
              String.format(
                  Locale.ROOT,
                  "\"expert_selection_fn\" is \"%s\", expected softmax or sigmoid",
                  function));
    };
  }
}
