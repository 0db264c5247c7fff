package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;

/// ERNIE 4.5 VL MoE: a block has a router and experts for text tokens, and others, smaller, for
/// those of images and videos; both as ERNIE 4.5 MoE's. Whoever runs the model knows which rows are
/// which and calls a layer of each: this one for text, the part `vision` for the others. The shared
/// expert belongs to both.
///
/// Facts: transformers,
/// [modeling_ernie4_5_vl_moe.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/ernie4_5_vl_moe/modeling_ernie4_5_vl_moe.py),
/// its config class and its conversion mapping; the keys of the releases' own configs
/// (`ernie4_5_moe_vl`) as vLLM reads them,
/// [ernie45_vl_moe.py](https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/ernie45_vl_moe.py).
final class ErnieVlMoe implements OwnFamily {
  private static final int TEXT = 0;
  private static final int VISION = 1;
  private static final int MODALITIES = 2;

  /// The model's last layer.
  private static final int LAST = -1;

  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("ernie4_5_vl_moe", "ernie4_5_vl_moe_text", "ernie4_5_moe_vl")
              .router("as ernie4_5_moe; one for text, one for images")
              .experts("`mlp.experts.N…`, those for text first")
              .also(
                  "a layer is for text tokens, one of the part `vision` for the others;"
                      + " `mlp.gate.weight` and `weight_1` `[H, E]`,"
                      + " `mlp.moe_statics.e_score_correction_bias` `[2, E]`; shared experts;"
                      + " `mlp_layer_types`, `moe_layer_start_index`, `…_end_index`,"
                      + " `…_interval`")
              .released("baidu/ERNIE-4.5-VL-28B-A3B-PT", "baidu/ERNIE-4.5-VL-424B-A47B-PT"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return layout(config, TEXT);
  }

  @Override
  public Map<String, ModelLayout> parts(ModelConfig config) {
    return Map.of("vision", layout(config, VISION));
  }

  private static ModelLayout layout(ModelConfig config, int modality) {
    List<Integer> sizes = ofEach(config, "moe_intermediate_size", 1);
    return ModelLayout.builder(config)
        .moeLayers(isMoe(config, modality))
        .part(
            PartLayout.ofBlock(
                modality, MODALITIES, modality == TEXT ? "gate.weight" : "gate.weight_1"))
        .correctionBias("moe_statics.e_score_correction_bias")
        .correctionIsRow(true)
        .storages(ExpertStorage.PerExpert.PROJ)
        .shared(
            "shared_experts",
            (long) sizes.get(TEXT) * config.countOr(2, "moe_num_shared_experts"),
            null)
        .build(
            sizes.get(modality),
            experts(config),
            TopKGating.softmax(config.positive("moe_k", "num_experts_per_tok"), true)
                .withEpsilon(0)
                .withLeastSum((float) config.numberOr(1e-12, "moe_norm_min")));
  }

  /// A number, or one for each modality, which must be the same: the correction bias has one row of
  /// them for each.
  private static int experts(ModelConfig config) {
    if (!config.isList("moe_num_experts")) {
      return config.positive("moe_num_experts", "num_experts");
    }
    List<Integer> experts = ofEach(config, "moe_num_experts", 1);
    if (!experts.get(TEXT).equals(experts.get(VISION))) {
      throw new LayerException(
          String.format(
              Locale.ROOT, "\"moe_num_experts\" is %s, expected as many for both", experts));
    }
    return experts.get(TEXT);
  }

  /// A number for text, then one for images.
  private static List<Integer> ofEach(ModelConfig config, String name, int least) {
    List<Integer> numbers =
        config
            .integers(name)
            .orElseThrow(() -> new LayerException(String.format(Locale.ROOT, "no \"%s\"", name)));
    if (numbers.size() != MODALITIES || numbers.stream().anyMatch(number -> number < least)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s\" is %s, expected two whole numbers from %d, for text and for images",
              name,
              numbers,
              least));
    }
    return numbers;
  }

  /// Transformers has types of layers, all but the first sparse where it has none; the releases'
  /// own configs have a first and a last layer for each modality.
  private static IntPredicate isMoe(ModelConfig config, int modality) {
    int start = ofEachOr(config, 1, "moe_layer_start_index", modality);
    int end = ofEachOr(config, LAST, "moe_layer_end_index", modality);
    int interval = config.positiveOr(1, "moe_layer_interval");
    return SparseLayers.byType(
        config,
        layer -> layer >= start && (end == LAST || layer <= end) && (layer + 1) % interval == 0);
  }

  private static int ofEachOr(ModelConfig config, int absent, String name, int modality) {
    return config.isPresent(name) ? ofEach(config, name, LAST).get(modality) : absent;
  }
}
