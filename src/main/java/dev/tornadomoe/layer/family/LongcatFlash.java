package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// LongCat-Flash: softmax over all experts, a correction bias for the selection, not renormalised,
/// scaled; beside its experts the router chooses from `zero_expert_num` that return their input.
/// One MoE block in each of its layers, which count two attention and two dense blocks beside it.
///
/// Facts: transformers,
/// [modeling_longcat_flash.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/longcat_flash/modeling_longcat_flash.py);
/// `zero_expert_type` and `router_bias` from vLLM's longcat_flash.py. `norm_topk_prob` is read by
/// neither, so a config that sets it is refused, and so is a router bias, which only one of them
/// adds.
final class LongcatFlash implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("longcat_flash")
              .router("softmax, correction bias, scaled; some experts return their input")
              .experts("`mlp.experts.N…`")
              .also("`mlp.router.classifier`; `zero_expert_num`")
              .released("meituan-longcat/LongCat-Flash-Chat"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    for (String flag : new String[] {"norm_topk_prob", "router_bias"}) {
      if (config.flagOr(false, flag)) {
        throw new LayerException(
            String.format(Locale.ROOT, "longcat_flash with \"%s\": true is not supported", flag));
      }
    }
    config.expect("zero_expert_type", "identity");
    // "num_hidden_layers", where it is there too, may count attention blocks, two for each layer.
    int layers = config.positiveOr(0, "num_layers");
    return ModelLayout.builder(config, layers > 0 ? layers : config.positive("num_hidden_layers"))
        .routers("router.classifier", "router")
        .correctionBias("router.e_score_correction_bias")
        .identityExperts(config.countOr(0, "zero_expert_num"))
        .build(
            config.positive("expert_ffn_hidden_size", "moe_intermediate_size"),
            config.positive("n_routed_experts", "num_local_experts"),
            TopKGating.softmax(config.positive("moe_topk", "num_experts_per_tok"), false)
                .scaled((float) config.numberOr(1, "routed_scaling_factor")));
  }
}
