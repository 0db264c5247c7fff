package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// ZAYA1: one expert for each token, chosen by an MLP that goes on from the router's states of the
/// layer before; softmax, balancing biases for the selection. The router has one class more than
/// there are experts, and a token that gets it skips the layer's experts.
///
/// Facts: transformers,
/// [modeling_zaya.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/zaya/modeling_zaya.py)
/// with its config class, which allows one expert for each token only.
final class Zaya implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("zaya")
              .router(
                  "an MLP on its own states and those of the layer before, softmax, balancing"
                      + " biases for the selection, not renormalised; a class without an expert")
              .experts("`mlp.experts.gate_up_proj/down_proj`")
              .also(
                  "`mlp.gate.{down_proj,router_mlp.*,balancing_biases,router_states_scale}`; calls"
                      + " bring memory for the router's states (`MoeCall.routerStates`)")
              .released("Zyphra/ZAYA1-8B"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int topK = config.positiveOr(1, "num_experts_per_tok");
    if (topK != 1) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "zaya with \"num_experts_per_tok\": %d is not supported (1 is)", topK));
    }
    return ModelLayout.builder(config)
        .routers("gate.router_mlp.out_proj")
        .correctionBias("gate.balancing_biases")
        .routerMlp(
            new RouterMlpLayout(
                config.positiveOr(256, "router_hidden_size"),
                "gate.down_proj",
                "gate.router_states_scale",
                new RmsNorm((float) config.numberOr(1e-5, "rms_norm_eps")),
                "gate.router_mlp.norm.weight",
                List.of("gate.router_mlp.fc1", "gate.router_mlp.fc2"),
                Activation.GELU))
        .skippingExperts(1)
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("num_experts"),
            TopKGating.softmax(topK, false));
  }
}
