package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/// DeepSeek-V4 and V4.1: the square root of softplus as score, a correction bias for the selection,
/// renormalised, scaled; gate and up clamped before SiLU, in the shared expert too. V4's first
/// layers, and V4.1's where its config says so, get a token's experts from a table of token ids
/// instead. Where they see, tokens of images choose with a correction bias of their own, in all
/// layers: the part `vision`.
///
/// Facts: transformers,
/// [modeling_deepseek_v4.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/deepseek_v4/modeling_deepseek_v4.py)
/// with its config class, which reads neither `norm_topk_prob` nor `n_group`, nor
/// `n_shared_experts`: there is one; `num_hash_layers` from the released configs. On V4.1 and on
/// images: the releases' own code, whose `gate_temp` divides the logits and is 1 in all of them,
/// and llama.cpp's
/// [deepseek4.cpp](https://github.com/ggml-org/llama.cpp/blob/master/src/models/deepseek4.cpp).
final class DeepseekV4 implements OwnFamily {
  private static final String BY_TABLE = "hash_moe";
  private static final String CORRECTION = "gate.bias";

  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("deepseek_v4")
              .router(
                  "square root of softplus, correction bias, renormalised, scaled; in the first"
                      + " layers by token id (`ffn.gate.tid2eid`)")
              .experts("`ffn.experts.N.w1/w3/w2`")
              .also(
                  "shared expert; `swiglu_limit`; `num_hash_layers`, `mlp_layer_types`. Calls of"
                      + " the first layers bring token ids (`MoeCall.tokenIds`)")
              .released("deepseek-ai/DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-V4-Pro"),
          ModelNotes.of("deepseek_v41", "deepseek_v41_text")
              .router(
                  "as deepseek_v4, without token ids unless `num_hash_layers` says so;"
                      + " renormalised if the config says so")
              .experts("as deepseek_v4")
              .also(
                  "as deepseek_v4; `ffn.gate.bias_vl` for the part `vision`, where the config has a"
                      + " `vision_config`, in deepseek_v4, too")
              .released("deepseek-ai/DeepSeek-V4.1-Flash"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    return layout(config, PartLayout.WHOLE, CORRECTION, byTable(config));
  }

  @Override
  public Map<String, ModelLayout> parts(ModelConfig config) {
    return config.isPresent("vision_config")
        ? Map.of(
            "vision", layout(config, PartLayout.without(CORRECTION), "gate.bias_vl", List.of()))
        : Map.of();
  }

  private static boolean isV41(ModelConfig config) {
    return config.modelType().startsWith("deepseek_v41");
  }

  /// @param correction the selection bias's name
  /// @param byTable the layers that have a table in its place
  private static ModelLayout layout(
      ModelConfig config, PartLayout part, String correction, List<Integer> byTable) {
    config.expect("scoring_func", "sqrtsoftplus");
    config.expect("topk_method", "noaux_tc");
    config.expect("hidden_act", "silu");
    int shared = config.countOr(1, "n_shared_experts");
    if (shared != 1) {
      throw new LayerException(
          String.format(Locale.ROOT, "\"n_shared_experts\" is %d, expected 1", shared));
    }
    double temperature = config.numberOr(1, "gate_temp");
    if (temperature != 1) {
      throw new LayerException(
          String.format(Locale.ROOT, "\"gate_temp\" is %s, expected 1", temperature));
    }
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .part(part)
        .blocks("ffn")
        .correctionBias(correction)
        .table(new TableLayout("gate.tid2eid", config.positive("vocab_size"), byTable))
        .storages(ExpertStorage.PerExpert.W123)
        .shared(
            new SharedLayout(
                "shared_experts",
                SharedLayout.Place.IN_BLOCK,
                intermediate,
                null,
                SharedLayout.Storage.W123))
        .activation(Activation.swigluClamped((float) config.numberOr(10, "swiglu_limit")))
        .build(
            intermediate,
            config.positive("n_routed_experts"),
            new TopKGating(
                config.positive("num_experts_per_tok"),
                TopKGating.Scoring.SQRT_SOFTPLUS,
                null,
                !isV41(config) || config.flagOr(true, "norm_topk_prob"),
                (float) config.numberOr(1.5, "routed_scaling_factor")));
  }

  private static List<Integer> byTable(ModelConfig config) {
    int layers = config.positive("num_hidden_layers");
    List<String> types = config.strings("mlp_layer_types").orElse(null);
    if (types == null) {
      int first = config.countOr(isV41(config) ? 0 : 3, "num_hash_layers");
      return IntStream.range(0, Math.min(first, layers)).boxed().toList();
    }
    SparseLayers.requireOneEach(config, "mlp_layer_types", types);
    return IntStream.range(0, layers).filter(layer -> isByTable(types.get(layer))).boxed().toList();
  }

  private static boolean isByTable(String type) {
    if (!type.equals(BY_TABLE) && !type.equals("moe")) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"mlp_layer_types\" has \"%s\", expected \"moe\" or \"%s\"",
              type,
              BY_TABLE));
    }
    return type.equals(BY_TABLE);
  }
}
