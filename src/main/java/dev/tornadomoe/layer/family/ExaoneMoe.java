package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import java.util.List;

/// K-EXAONE: DeepSeek-V3's router under other config keys; which layers are MoE layers is said by
/// `mlp_layer_types`, by `is_moe_layer` in earlier releases, or by the number of dense ones at the
/// beginning.
///
/// Facts: transformers,
/// [modeling_exaone_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/exaone_moe/modeling_exaone_moe.py)
/// and its conversion mapping; `is_moe_layer` and `swiglu_limits`, which is refused, from vLLM's
/// exaone_moe.py.
final class ExaoneMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("exaone_moe")
              .router("as deepseek_v3")
              .experts("`mlp.experts.N…`, fused")
              .also("`mlp.e_score_correction_bias`; `mlp_layer_types`, `is_moe_layer`")
              .released("LGAI-EXAONE/K-EXAONE-236B-A23B"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    if (config.isPresent("swiglu_limits")) {
      throw new LayerException("exaone_moe with \"swiglu_limits\" is not supported");
    }
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .moeLayers(
            SparseLayers.byType(
                config, SparseLayers.byFlag(config, SparseLayers.afterDense(config, 1))))
        .correctionBias("e_score_correction_bias", "gate.e_score_correction_bias")
        .shared(
            "shared_experts", (long) intermediate * config.countOr(1, "num_shared_experts"), null)
        .build(
            intermediate,
            config.positive("num_experts", "num_local_experts"),
            SigmoidRouting.gating(config, new SigmoidRouting.Defaults(1, 1, 2.5, true)));
  }
}
