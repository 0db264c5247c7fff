package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// JetMoE: top-k by logits, softmax of the selected; a bias on the sum. Its attention is a mixture
/// of experts as well, which belongs to the attention.
///
/// Facts: transformers,
/// [modeling_jetmoe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/jetmoe/modeling_jetmoe.py)
/// and its config class.
final class JetMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("jetmoe")
              .router("top-k, softmax of the selected")
              .experts("`mlp.input_linear/output_linear`, fused")
              .also("`mlp.router.layer`, `mlp.bias` `[H]`; not its attention's experts")
              .released("jetmoe/jetmoe-8b"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .routers("router.layer")
        .storages(
            new ExpertStorage.Fused(
                "input_linear.weight",
                "output_linear.weight",
                ExpertStorage.GateUpOrder.HALVES,
                false))
        .sumBias("bias")
        .activation(Activation.named(config.string("activation_function").orElse("silu")))
        .build(
            config.positive("intermediate_size"),
            config.positiveOr(8, "num_local_experts", "num_experts"),
            TopKGating.softmaxOfSelected(config.positiveOr(2, "num_experts_per_tok")));
  }
}
