package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Map;

/// Qwen2-MoE, Qwen3-MoE, Qwen3-Next and the language models of Qwen3-VL and Qwen3-Omni (its
/// thinker, with the talker as a part, and the talker where it is saved alone): softmax, top-k,
/// renormalised if the config says so, in Qwen3-VL always. Qwen2, Qwen3-Next and the talker have a
/// shared expert with a sigmoid gate. Mellum is Qwen3-MoE with `mlp_layer_types`.
///
/// Facts: transformers, modeling_qwen2_moe.py, modeling_qwen3_moe.py,
/// [modeling_qwen3_next.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/qwen3_next/modeling_qwen3_next.py),
/// modeling_qwen3_vl_moe.py and modeling_qwen3_omni_moe.py with their config classes.
final class QwenMoe implements OwnFamily {
  private static final String TALKER = "qwen3_omni_moe_talker_text";

  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("qwen2_moe")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("`mlp.experts.N.gate_proj/up_proj/down_proj`, fused")
              .also("shared expert with sigmoid gate; `decoder_sparse_step`, `mlp_only_layers`")
              .released("Qwen/Qwen1.5-MoE-A2.7B"),
          ModelNotes.of("qwen3_moe")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("as qwen2_moe")
              .also("`decoder_sparse_step`, `mlp_only_layers`")
              .released("Qwen/Qwen3-30B-A3B"),
          ModelNotes.of("mellum")
              .router("as qwen3_moe, renormalised by default")
              .experts("as qwen2_moe")
              .also("`mlp_layer_types`")
              .released("JetBrains/Mellum2-12B-A2.5B-Base"),
          ModelNotes.of("qwen3_next")
              .router("as qwen2_moe, renormalised by default")
              .experts("as qwen2_moe")
              .also("as qwen2_moe")
              .released("Qwen/Qwen3-Next-80B-A3B-Instruct"),
          ModelNotes.of("qwen3_vl_moe", "qwen3_vl_moe_text")
              .router("softmax, top-k, renormalised")
              .experts("fused, transposed as released; per expert")
              .also("`model.language_model.` prefix")
              .released("Qwen/Qwen3-VL-30B-A3B-Instruct"),
          ModelNotes.of("qwen3_omni_moe", "qwen3_omni_moe_thinker", "qwen3_omni_moe_text")
              .router("softmax, top-k, `norm_topk_prob`")
              .experts("as qwen2_moe")
              .also(
                  "the thinker: `thinker_config.text_config`, `thinker.` prefix; the part `talker`"
                      + " where there is one: `talker_config.text_config`, `talker.` prefix")
              .released("Qwen/Qwen3-Omni-30B-A3B-Instruct"),
          ModelNotes.of("qwen3_omni_moe_talker", TALKER)
              .router("as qwen2_moe")
              .experts("fused, `mlp.experts.N…`")
              .also("as qwen2_moe; saved alone"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return layout(config, config.modelType(), ModelLayout.builder(config));
  }

  /// The talker has a config of its own, in a whole Qwen3-Omni that can speak.
  @Override
  public Map<String, ModelLayout> parts(ModelConfig config) {
    return config
        .section("talker_config")
        .filter(talker -> config.flagOr(true, "enable_audio_output"))
        .flatMap(talker -> talker.section("text_config"))
        .map(talker ->
            layout(
                talker,
                TALKER,
                ModelLayout.builder(talker).part(PartLayout.in("talker.model.layers."))))
        .map(layout -> Map.of("talker", layout))
        .orElse(Map.of());
  }

  private static ModelLayout layout(
      ModelConfig config, String modelType, ModelLayout.Builder layout) {
    layout.moeLayers(SparseLayers.byType(config, SparseLayers.byStep(config)));
    if (hasSharedExpert(modelType)) {
      layout.shared(
          "shared_expert",
          config.positive("shared_expert_intermediate_size"),
          "shared_expert_gate");
    }
    return layout.build(
        config.positive("moe_intermediate_size"),
        config.positive("num_experts", "num_local_experts"),
        TopKGating.softmax(
            config.positive("num_experts_per_tok"), isRenormalised(config, modelType)));
  }

  private static boolean hasSharedExpert(String modelType) {
    return switch (modelType) {
      case "qwen2_moe", "qwen3_next", "qwen3_omni_moe_talker", TALKER -> true;
      default -> false;
    };
  }

  private static boolean isRenormalised(ModelConfig config, String modelType) {
    return switch (modelType) {
      case "qwen3_vl_moe", "qwen3_vl_moe_text" -> true;
      case "qwen2_moe", "qwen3_moe", "qwen3_omni_moe_talker", TALKER ->
          config.flagOr(false, "norm_topk_prob");
      default -> config.flagOr(true, "norm_topk_prob");
    };
  }
}
