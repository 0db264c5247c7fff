package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import java.util.List;

/// GLM-5-Next and Hunyuan 4: DeepSeek-V3's block with gate and up clamped before SiLU; in Hunyuan 4
/// those of the shared expert are not.
///
/// Facts: transformers,
/// [modeling_glm5_next.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/glm5_next/modeling_glm5_next.py),
/// modeling_hy_v4.py and their config classes.
final class ClampedDeepseek implements OwnFamily {
  private static final String WHICH_LAYERS =
      "`mlp_layer_types`, `first_k_dense_replace`, `moe_layer_freq`";
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("glm5_next", "glm5_next_text")
              .router("as deepseek_v3")
              .experts("`mlp.experts.N…`, fused")
              .also(
                  "gate and up clamped (`swiglu_limit`), in the shared experts too; "
                      + WHICH_LAYERS)
              .released("zai-org/GLM-5.3-Flash"),
          ModelNotes.of("hy_v4")
              .router("as deepseek_v3")
              .experts("`mlp.experts.N…`, fused")
              .also(
                  "gate and up clamped (`swiglu_limit`), not in the shared experts, whose gate may"
                      + " be `linear_gate`; "
                      + WHICH_LAYERS)
              .released("tencent/Hy4-preview"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    boolean hunyuan = config.modelType().equals("hy_v4");
    int intermediate = config.positive("moe_intermediate_size");
    Activation clamped = Activation.swigluClamped((float) config.numberOr(10, "swiglu_limit"));
    if (!hunyuan) {
      config.expect("hidden_act", "silu");
    }
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.afterDense(config, hunyuan ? 1 : 3)))
        .correctionBias("gate.e_score_correction_bias")
        .shared("shared_experts", (long) intermediate * config.countOr(1, "n_shared_experts"), null)
        .activations(
            LayerActivations.of(
                clamped,
                hunyuan ? Activation.named(config.string("hidden_act").orElse("silu")) : clamped))
        .build(
            intermediate,
            config.positive("n_routed_experts", "num_local_experts", "num_experts"),
            SigmoidRouting.gating(
                config, new SigmoidRouting.Defaults(1, 1, hunyuan ? 2.827 : 2.5, true)));
  }
}
