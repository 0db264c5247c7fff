package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import java.util.List;

/// Nemotron-H with experts (Nemotron 3 Nano): experts without a gate, squared ReLU; the router is
/// DeepSeek-V3's; a shared expert with its own size. Its layers are Mamba, attention, dense or MoE,
/// as `layers_block_type` or the letters of `hybrid_override_pattern` say.
///
/// Facts: transformers,
/// [modeling_nemotron_h.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/nemotron_h/modeling_nemotron_h.py),
/// its config class and conversion mapping. With `moe_latent_size` (Nemotron 3 Super) the experts
/// stand between a projection to that size and one back.
final class NemotronH implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("nemotron_h")
              .router("as deepseek_v3")
              .experts("`mixer.experts.N.up_proj/down_proj`, no gate, squared ReLU; fused")
              .also(
                  "`backbone.` prefix; `hybrid_override_pattern`, `layers_block_type`;"
                      + " `moe_latent_size`")
              .released("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    List<Boolean> isMoe = layers(config);
    int size = config.positive("moe_shared_expert_intermediate_size");
    SharedLayout shared =
        new SharedLayout(
            "shared_experts",
            SharedLayout.Place.IN_BLOCK,
            config.countOr(1, "n_shared_experts") == 0 ? 0 : size,
            null,
            SharedLayout.Storage.UP_DOWN);
    return ModelLayout.builder(config, isMoe.size())
        .moeLayers(isMoe::get)
        .blocks("mixer")
        .correctionBias("gate.e_score_correction_bias")
        .storages(ExpertStorage.PerExpert.UNGATED, ExpertStorage.FusedUngated.PROJ)
        .activation(Activation.named(config.string("mlp_hidden_act").orElse("relu2")))
        .shared(shared)
        .latent(config.isPresent("moe_latent_size") ? config.positive("moe_latent_size") : 0)
        .build(
            config.positive("moe_intermediate_size"),
            config.positive("n_routed_experts", "num_local_experts"),
            SigmoidRouting.gating(config, new SigmoidRouting.Defaults(1, 1, 1, true)));
  }

  /// Whether each layer is an MoE layer.
  private static List<Boolean> layers(ModelConfig config) {
    List<String> types = config.strings("layers_block_type").orElse(null);
    if (types != null) {
      return types.stream().map("moe"::equals).toList();
    }
    return config
        .letters("hybrid_override_pattern")
        .map(pattern -> pattern.chars().mapToObj(letter -> letter == 'E').toList())
        .orElseThrow(
            () -> new LayerException("no \"layers_block_type\" or \"hybrid_override_pattern\""));
  }
}
