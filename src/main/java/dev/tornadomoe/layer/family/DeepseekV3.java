package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import java.util.List;

/// DeepSeek-V3 and the models with its MoE block: V3.2, Kimi K2 (as text and inside Kimi-VL and
/// K2.5), GLM-4.5 to GLM-5, dots.llm1, Solar Open. They differ in their defaults and in how they
/// say which layers are dense. MiMo-V2-Flash has no shared experts.
///
/// Facts: transformers,
/// [modeling_deepseek_v3.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/deepseek_v3/modeling_deepseek_v3.py)
/// and the same of deepseek_v32, glm4_moe, glm4_moe_lite, glm4v_moe, glm_moe_dsa, dots1 and
/// solar_open and mimo_v2_flash with their config classes; that kimi_k2 is a deepseek_v3, from its
/// kimi_k25.
final class DeepseekV3 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of(
                  "deepseek_v3",
                  "deepseek_v32",
                  "kimi_k2",
                  "kimi_vl",
                  "kimi_k25",
                  "glm4_moe",
                  "glm4_moe_lite",
                  "glm4v_moe",
                  "glm4v_moe_text",
                  "glm_moe_dsa",
                  "dots1",
                  "solar_open",
                  "mimo_v2_flash")
              .router(
                  "sigmoid, correction bias, groups by the sum of their best two, renormalised,"
                      + " scaled")
              .experts("`mlp.experts.N…`, fused")
              .also("shared experts; `first_k_dense_replace`, `mlp_layer_types`")
              .released(
                  "deepseek-ai/DeepSeek-V3",
                  "deepseek-ai/DeepSeek-V3.2-Exp",
                  "moonshotai/Kimi-K2-Instruct",
                  "moonshotai/Kimi-VL-A3B-Instruct",
                  "zai-org/GLM-4.5-Air",
                  "zai-org/GLM-4.5V",
                  "zai-org/GLM-4.7-Flash",
                  "zai-org/GLM-5",
                  "rednote-hilab/dots.llm1.base",
                  "upstage/Solar-Open-100B",
                  "XiaomiMiMo/MiMo-V2-Flash"));

  private static final SigmoidRouting.Defaults DEEPSEEK =
      new SigmoidRouting.Defaults(8, 4, 2.5, true);

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(
            SparseLayers.byType(
                config, SparseLayers.byFrequency(config, denseByDefault(config.modelType()))))
        .correctionBias("gate.e_score_correction_bias")
        .shared("shared_experts", (long) intermediate * sharedExperts(config), null)
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_local_experts", "num_experts"),
            SigmoidRouting.gating(config, routing(config.modelType())));
  }

  private static int sharedExperts(ModelConfig config) {
    return switch (config.modelType()) {
      case "mimo_v2_flash" -> 0; // whatever its configs say
      case "dots1" -> config.countOr(0, "n_shared_experts");
      default -> config.isNull("n_shared_experts") ? 0 : config.countOr(1, "n_shared_experts");
    };
  }

  private static int denseByDefault(String modelType) {
    return switch (modelType) {
      case "glm4_moe", "glm4_moe_lite", "glm4v_moe", "glm4v_moe_text", "mimo_v2_flash" -> 1;
      case "dots1", "solar_open" -> 0;
      default -> 3;
    };
  }

  private static SigmoidRouting.Defaults routing(String modelType) {
    return switch (modelType) {
      case "glm4_moe", "glm4v_moe", "glm4v_moe_text", "solar_open", "mimo_v2_flash" ->
          new SigmoidRouting.Defaults(1, 1, 1, true);
      case "glm4_moe_lite" -> new SigmoidRouting.Defaults(1, 1, 1.8, true);
      case "glm_moe_dsa" -> new SigmoidRouting.Defaults(1, 1, 2.5, true);
      case "dots1" -> new SigmoidRouting.Defaults(1, 1, 1, false);
      default -> DEEPSEEK;
    };
  }
}
