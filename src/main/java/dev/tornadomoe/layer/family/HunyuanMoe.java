package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;

/// Hunyuan-A13B: softmax, top-k, renormalised; a shared expert. Its configs give many numbers for
/// each layer on its own, but the same ones.
///
/// Facts: transformers,
/// [modeling_hunyuan_v1_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/hunyuan_v1_moe/modeling_hunyuan_v1_moe.py);
/// the lists, the number of shared experts and `use_mixed_mlp_moe` from vLLM's hunyuan_v1.py. Both
/// renormalise whatever `norm_topk_prob` says.
final class HunyuanMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("hunyuan_v1_moe")
              .router("softmax, top-k, renormalised")
              .experts("`mlp.experts.N…`, fused")
              .also("`mlp.gate.wg`, `mlp.shared_mlp`; numbers per layer that must be the same")
              .released("tencent/Hunyuan-A13B-Instruct"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int dense = required(config, "intermediate_size");
    int shared =
        config.flagOr(true, "use_mixed_mlp_moe")
            ? config.sameInAllLayers("num_shared_expert").orElse(1)
            : 0;
    return ModelLayout.builder(config)
        .routers("gate.wg", "gate")
        .shared("shared_mlp", (long) dense * shared, null)
        .build(
            config.sameInAllLayers("moe_intermediate_size").orElse(dense),
            required(config, "num_experts"),
            TopKGating.softmax(required(config, "moe_topk"), true));
  }

  private static int required(ModelConfig config, String name) {
    return config
        .sameInAllLayers(name)
        .orElseThrow(() -> new LayerException(String.format(Locale.ROOT, "no \"%s\"", name)));
  }
}
