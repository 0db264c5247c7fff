package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/// ERNIE 4.5 MoE: softmax, a correction bias for the selection, renormalised; shared experts; which
/// layers are MoE layers is said by a first one, a last one and an interval.
///
/// Facts: transformers,
/// [modeling_ernie4_5_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/ernie4_5_moe/modeling_ernie4_5_moe.py)
/// and its conversion mapping. There the weights' sum is held above `moe_norm_min`, which for the
/// released 1e-12 is nothing that F32 shows; a larger one is refused.
final class ErnieMoe implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("ernie4_5_moe")
              .router("softmax, correction bias, renormalised")
              .experts("`mlp.experts.N…`, fused")
              .also(
                  "`mlp.moe_statics.e_score_correction_bias` `[1, E]`; `moe_layer_start_index`,"
                      + " `…_end_index`, `…_interval`")
              .released("baidu/ERNIE-4.5-21B-A3B-PT"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    int intermediate = config.positive("moe_intermediate_size");
    double least = config.numberOr(1e-12, "moe_norm_min");
    if (least > 1e-9) {
      throw new LayerException(
          String.format(Locale.ROOT, "\"moe_norm_min\" is %s, expected at most 1e-9", least));
    }
    return ModelLayout.builder(config)
        .moeLayers(isMoe(config))
        .correctionBias(
            "moe_statics.e_score_correction_bias", "gate.moe_statics.e_score_correction_bias")
        .correctionIsRow(true)
        .shared(
            "shared_experts",
            (long) intermediate * config.countOr(2, "moe_num_shared_experts"),
            null)
        .build(
            intermediate,
            config.positive("moe_num_experts", "num_experts", "num_local_experts"),
            TopKGating.softmax(config.positive("moe_k", "num_experts_per_tok"), true));
  }

  /// Intervals are counted from layer 0; the last layer may be -1, for the model's last.
  private static IntPredicate isMoe(ModelConfig config) {
    int start = config.countOr(1, "moe_layer_start_index");
    int interval = config.positiveOr(1, "moe_layer_interval");
    int end = (int) config.numberOr(-1, "moe_layer_end_index");
    return layer -> layer >= start && (end == -1 || layer <= end) && (layer + 1) % interval == 0;
  }
}
