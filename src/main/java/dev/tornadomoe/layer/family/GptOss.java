package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.ExpertStorage.Fused;
import dev.tornadomoe.layer.family.ExpertStorage.GateUpOrder;
import java.util.List;

/// gpt-oss: a router with bias, top-k, softmax over the selected; experts with biases and the
/// clamped SwiGLU, gate and up interleaved. `hidden_act` is "silu" in its configs and not what it
/// computes.
///
/// Only the fused layout is read: exporters that store its experts one by one disagree on whether
/// `gate_proj` is the gate or the first half of the interleaved columns.
///
/// OpenAI's privacy filter has the same block with the gates in the first half, and a limit of 7
/// that no config changes (transformers,
/// [modeling_openai_privacy_filter.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/openai_privacy_filter/modeling_openai_privacy_filter.py)).
final class GptOss implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("gpt_oss")
              .router("biased logits, top-k, softmax of the selected")
              .experts("fused, transposed, gate and up interleaved, biases")
              .also("clamped SwiGLU; as released: MXFP4 in `*_blocks` and `*_scales`")
              .released("openai/gpt-oss-20b"),
          ModelNotes.of("openai_privacy_filter")
              .router("as gpt_oss")
              .experts("fused, transposed, gates first, biases")
              .also("clamped SwiGLU, limit 7")
              .released("openai/privacy-filter"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    boolean filter = config.modelType().equals("openai_privacy_filter");
    double limit = filter ? 7 : config.numberOr(7, "swiglu_limit");
    return ModelLayout.builder(config)
        .routers("router")
        .routerBias(true)
        .storages(
            new Fused(
                "experts.gate_up_proj",
                "experts.down_proj",
                filter ? GateUpOrder.HALVES : GateUpOrder.COLUMNS_IN_TURN,
                true))
        .activation(Activation.swigluOai((float) limit))
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            TopKGating.softmaxOfSelected(
                config.positive("num_experts_per_tok", "experts_per_token")));
  }
}
