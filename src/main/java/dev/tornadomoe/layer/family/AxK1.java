package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.RmsNorm;
import java.util.List;

/// A.X-K1: DeepSeek-V3's block, whose finished sum, shared experts included, goes through a norm of
/// its own.
///
/// Facts: transformers,
/// [modeling_axk1.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/axk1/modeling_axk1.py)
/// with its config class.
final class AxK1 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("axk1")
              .router("as deepseek_v3")
              .experts("as deepseek_v3")
              .also("as deepseek_v3; the sum goes through `post_mlp_layernorm`")
              .released("skt/A.X-K1"));

  private static final SigmoidRouting.Defaults ROUTING =
      new SigmoidRouting.Defaults(8, 4, 2.5, true);

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    int shared = config.isNull("n_shared_experts") ? 0 : config.countOr(1, "n_shared_experts");
    return ModelLayout.builder(config)
        .moeLayers(SparseLayers.byType(config, SparseLayers.byFrequency(config, 1)))
        .correctionBias("gate.e_score_correction_bias")
        .shared("shared_experts", (long) intermediate * shared, null)
        .norms(
            new NormsLayout(
                new RmsNorm((float) config.numberOr(1e-6, "rms_norm_eps")),
                null,
                null,
                new NormsLayout.Weights("post_mlp_layernorm.weight", 1)))
        .build(
            intermediate,
            config.positive("n_routed_experts"),
            SigmoidRouting.gating(config, ROUTING));
  }
}
