package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;

/// Granite MoE, Granite MoE with shared experts and Granite 4 hybrids: top-k, softmax over the
/// selected; fused experts under names of their own, and a shared expert beside the MoE block.
///
/// Facts: transformers,
/// [modeling_granitemoeshared.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/granitemoeshared/modeling_granitemoeshared.py),
/// modeling_granitemoe.py, modeling_granitemoehybrid.py and modeling_granitemoe_swa.py, and their
/// conversion mapping.
final class GraniteMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("granitemoe")
              .router("top-k, softmax of the selected")
              .experts("`block_sparse_moe.input_linear/output_linear`, fused, per expert")
              .released("ibm-granite/granite-3.1-3b-a800m-base"),
          ModelNotes.of("granitemoeshared", "granitemoehybrid", "granitemoe_swa")
              .router("as granitemoe")
              .experts("as granitemoe")
              .also("`shared_mlp.input_linear/output_linear` beside the block")
              .released("ibm-granite/granite-4.0-h-tiny", "ibm-granite/granite-swash-3b-a600m"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return ModelLayout.builder(config)
        .blocks("block_sparse_moe")
        .routers("router.layer", "router")
        .storages(
            new ExpertStorage.Fused(
                "input_linear.weight",
                "output_linear.weight",
                ExpertStorage.GateUpOrder.HALVES,
                false),
            ExpertStorage.Fused.PROJ,
            ExpertStorage.PerExpert.PROJ)
        .shared(
            new SharedLayout(
                "shared_mlp",
                SharedLayout.Place.IN_LAYER,
                sharedSize(config),
                null,
                SharedLayout.Storage.INPUT_OUTPUT))
        .build(
            config.positive("intermediate_size"),
            config.positive("num_local_experts", "num_experts"),
            TopKGating.softmaxOfSelected(config.positive("num_experts_per_tok")));
  }

  private static int sharedSize(ModelConfig config) {
    return switch (config.modelType()) {
      case "granitemoeshared", "granitemoe_swa" -> config.countOr(0, "shared_intermediate_size");
      case "granitemoehybrid" -> config.countOr(1024, "shared_intermediate_size");
      default -> 0;
    };
  }
}
