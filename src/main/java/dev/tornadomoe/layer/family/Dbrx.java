package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// DBRX: softmax, top-k, divided by a norm of the weights that the config names; w1 is the gate, v1
/// up, w2 down, of all experts one below the other.
///
/// Facts: transformers,
/// [modeling_dbrx.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/dbrx/modeling_dbrx.py)
/// and its config class.
final class Dbrx implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("dbrx")
              .router("softmax, top-k, divided by a p-norm (`moe_normalize_expert_weights`)")
              .experts("`ffn.experts.mlp.w1/v1/w2`, `[E * I, H]`")
              .also("`transformer.blocks.` prefix; `d_model`, `n_layers`, `ffn_config`")
              .released("databricks/dbrx-instruct"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    ModelConfig experts =
        config.section("ffn_config").orElseThrow(() -> new LayerException("no \"ffn_config\""));
    return ModelLayout.builder(config, config.positive("n_layers", "num_hidden_layers"))
        .hidden(config.positive("d_model", "hidden_size"))
        .blocks("ffn")
        .routers("router.layer")
        .storages(new ExpertStorage.Flat("experts.mlp.w1", "experts.mlp.v1", "experts.mlp.w2"))
        .activation(
            Activation.named(
                experts.section("ffn_act_fn").flatMap(act -> act.string("name")).orElse("silu")))
        .build(
            experts.positive("ffn_hidden_size"),
            experts.positive("moe_num_experts"),
            gating(experts));
  }

  private static TopKGating gating(ModelConfig experts) {
    TopKGating gating = TopKGating.softmax(experts.positive("moe_top_k"), true).withEpsilon(0);
    return experts.isNull("moe_normalize_expert_weights")
        ? TopKGating.softmax(gating.topK(), false)
        : gating.withNorm((float) experts.numberOr(1, "moe_normalize_expert_weights"));
  }
}
