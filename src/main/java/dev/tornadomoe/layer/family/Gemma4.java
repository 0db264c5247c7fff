package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Gemma 4 with experts, and DiffusionGemma, whose decoder has the same layers: softmax, top-k,
/// renormalised, then a scale for each expert. A layer gets the residual stream before any norm:
/// router and experts each have a norm of their own. Its result is the weighted sum; the norm that
/// follows (`post_feedforward_layernorm_2`), the dense MLP beside it and the norm of both are the
/// caller's.
///
/// Facts: transformers,
/// [modeling_gemma4.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/gemma4/modeling_gemma4.py)
/// and modeling_diffusion_gemma.py with their config classes.
final class Gemma4 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("gemma4", "gemma4_text")
              .router(
                  "a norm of its own with `router.scale`; softmax, top-k, renormalised, times"
                      + " `router.per_expert_scale`")
              .experts("fused (`experts.gate_up_proj`), beside the dense `mlp`")
              .also(
                  "hidden states come **before** any norm; experts see"
                      + " `pre_feedforward_layernorm_2` of them; `post_feedforward_layernorm_2` is"
                      + " the caller's. `enable_moe_block`; `model.language_model.` prefix")
              .released("google/gemma-4-26B-A4B-it"),
          ModelNotes.of("diffusion_gemma", "diffusion_gemma_text")
              .router("as gemma4")
              .experts("as gemma4")
              .also("as gemma4; `model.decoder.` prefix (its encoder has the same weights)")
              .released("google/diffusiongemma-26B-A4B-it"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    float ofHidden = (float) (1 / Math.sqrt(config.positive("hidden_size")));
    return ModelLayout.builder(config)
        .blocks("")
        .routers("router.proj")
        .expertScale("router.per_expert_scale")
        .norms(
            new NormsLayout(
                new RmsNorm((float) config.numberOr(1e-6, "rms_norm_eps")),
                new NormsLayout.Weights("router.scale", ofHidden),
                new NormsLayout.Weights("pre_feedforward_layernorm_2.weight", 1),
                null))
        .activation(
            Activation.named(config.string("hidden_activation").orElse("gelu_pytorch_tanh")))
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("num_experts"),
            TopKGating.softmax(config.positive("top_k_experts"), true));
  }
}
