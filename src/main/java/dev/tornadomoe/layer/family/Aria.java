package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Aria, text part: top-k by logits, softmax of the selected; shared experts. `hidden_act` is the
/// shared experts' alone.
///
/// Facts: transformers,
/// [modeling_aria.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/aria/modeling_aria.py),
/// its config class and conversion mapping.
final class Aria implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("aria", "aria_text")
              .router("top-k, softmax of the selected")
              .experts("`mlp.experts.fc1.weight`, `fc2.weight`, fused and transposed")
              .also("`mlp.router`; shared experts; `language_model.model.` prefix")
              .released("rhymes-ai/Aria"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("intermediate_size");
    return ModelLayout.builder(config)
        .routers("router")
        .storages(
            new ExpertStorage.Fused(
                "experts.fc1.weight",
                "experts.fc2.weight",
                ExpertStorage.GateUpOrder.HALVES,
                false),
            ExpertStorage.Fused.PROJ)
        .shared(
            "shared_experts",
            (long) intermediate * config.countOr(2, "moe_num_shared_experts"),
            null)
        .activations(
            LayerActivations.of(
                Activation.SILU, Activation.named(config.string("hidden_act").orElse("silu"))))
        .build(
            intermediate,
            config.positiveOr(8, "moe_num_experts"),
            TopKGating.softmaxOfSelected(config.positiveOr(2, "moe_topk")));
  }
}
