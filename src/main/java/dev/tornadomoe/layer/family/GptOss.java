package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// gpt-oss: a router with bias, top-k, softmax over the selected; experts with biases and the
/// clamped SwiGLU, gate and up interleaved. `hidden_act` is "silu" in its configs and not what it
/// computes.
///
/// Only the fused layout is read: exporters that store its experts one by one disagree on whether
/// `gate_proj` is the gate or the first half of the interleaved columns.
final class GptOss implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("gpt_oss")
              .router("biased logits, top-k, softmax of the selected")
              .experts("fused, transposed, gate and up interleaved, biases")
              .also("clamped SwiGLU; as released: MXFP4 in `*_blocks` and `*_scales`")
              .released("openai/gpt-oss-20b"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .routers("router")
        .routerBias(true)
        .storages(new ExpertStorage.Fused("experts.gate_up_proj", "experts.down_proj", true, true))
        .activation(Activation.swigluOai((float) config.numberOr(7, "swiglu_limit")))
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            TopKGating.softmaxOfSelected(
                config.positive("num_experts_per_tok", "experts_per_token")));
  }
}
