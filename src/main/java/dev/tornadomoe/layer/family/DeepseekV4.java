package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/// DeepSeek-V4: the square root of softplus as score, a correction bias for the selection, always
/// renormalised, scaled; gate and up clamped before SiLU, in the shared expert too. The first
/// layers get a token's experts from a table of token ids instead.
///
/// Facts: transformers,
/// [modeling_deepseek_v4.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/deepseek_v4/modeling_deepseek_v4.py)
/// with its config class, which reads neither `norm_topk_prob` nor `n_group`, nor
/// `n_shared_experts`: there is one; `num_hash_layers` from the released configs.
final class DeepseekV4 implements OwnFamily {
  private static final String BY_TABLE = "hash_moe";

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
              .released("deepseek-ai/DeepSeek-V4-Flash", "deepseek-ai/DeepSeek-V4-Pro"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    config.expect("scoring_func", "sqrtsoftplus");
    config.expect("topk_method", "noaux_tc");
    config.expect("hidden_act", "silu");
    int shared = config.countOr(1, "n_shared_experts");
    if (shared != 1) {
      throw new LayerException(
          String.format(Locale.ROOT, "\"n_shared_experts\" is %d, expected 1", shared));
    }
    int intermediate = config.positive("moe_intermediate_size");
    return ModelLayout.builder(config)
        .blocks("ffn")
        .correctionBias("gate.bias")
        .table(new TableLayout("gate.tid2eid", config.positive("vocab_size"), byTable(config)))
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
                true,
                (float) config.numberOr(1.5, "routed_scaling_factor")));
  }

  private static List<Integer> byTable(ModelConfig config) {
    int layers = config.positive("num_hidden_layers");
    List<String> types = config.strings("mlp_layer_types").orElse(null);
    if (types == null) {
      int first = config.countOr(3, "num_hash_layers");
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
