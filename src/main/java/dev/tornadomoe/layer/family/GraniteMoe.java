package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.Set;

/// Granite MoE: top-k, softmax over the selected; fused experts under names of their own.
final class GraniteMoe implements MoeFamily {

  @Override
  public Set<String> modelTypes() {
    return Set.of("granitemoe");
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .blocks("block_sparse_moe")
        .routers("router.layer", "router")
        .storages(
            new ExpertStorage.Fused("input_linear.weight", "output_linear.weight", false, false),
            ExpertStorage.Fused.PROJ,
            ExpertStorage.PerExpert.PROJ)
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            TopKGating.softmaxOfSelected(config.positive("num_experts_per_tok")));
  }
}
