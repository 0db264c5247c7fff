package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// DeepSeek-V2: softmax, top-k among the best groups (judged by their highest score), times the
/// scaling factor, not renormalised. `norm_topk_prob` is false in every release, and transformers
/// never reads it; a config that sets it is refused, since implementations disagree on what it
/// means. So is another `scoring_func` than softmax, which transformers does not read either.
/// DeepSeek-OCR-2's language model has the same block; its vision encoder's layers have other
/// names.
final class DeepseekV2 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("deepseek_v2")
              .router("softmax, `greedy` or `group_limited_greedy` (highest score), scaled")
              .experts("`mlp.experts.N…`, fused")
              .also("shared experts; `mlp_layer_types`, `first_k_dense_replace`, `moe_layer_freq`")
              .released("deepseek-ai/DeepSeek-V2-Lite"),
          ModelNotes.of("deepseek_ocr2", "deepseek_ocr2_text")
              .router("as deepseek_v2")
              .experts("`mlp.experts.N…`, fused")
              .also("shared experts; `mlp_layer_types`")
              .released("deepseek-community/DeepSeek-OCR-2"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, 0)))
        .shared("shared_experts", (long) intermediate * sharedExperts(config), null)
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_experts", "num_local_experts"),
            gating(config));
  }

  private static int sharedExperts(ModelConfig config) {
    int absent = config.modelType().startsWith("deepseek_ocr2") ? 2 : 0;
    return config.countOr(absent, "n_shared_experts");
  }

  private static TopKGating gating(ModelConfig config) {
    if (config.flagOr(false, "norm_topk_prob")) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s with \"norm_topk_prob\": true is not supported",
              config.modelType()));
    }
    config.expect("scoring_func", "softmax");
    TopKGating gating =
        TopKGating.softmax(config.positive("num_experts_per_tok"), false)
            .scaled((float) config.numberOr(1, "routed_scaling_factor"));
    String method = config.string("topk_method").orElse("greedy");
    return switch (method) {
      case "greedy", "gready" -> gating; // the original config class spells its default "gready"
      case "group_limited_greedy" ->
          gating.grouped(
              new TopKGating.Groups(
                  config.positive("n_group"),
                  config.positive("topk_group"),
                  TopKGating.GroupScore.MAX));
      default ->
          throw new LayerException(
              String.format(
                  Locale.ROOT,
                  "\"topk_method\" is \"%s\", expected greedy or group_limited_greedy",
                  method));
    };
  }
}
