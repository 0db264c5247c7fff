package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/// Step-3.5 and the language model of Step-3.7: a sigmoid for each expert, a correction bias for
/// the selection, renormalised, scaled; a shared expert beside the block; in some layers SwiGLU
/// clamped after SiLU, each layer with its own limits. Lists with a value for each layer may go on
/// for the layers that predict more tokens.
///
/// Facts: transformers,
/// [modeling_step3p7.py](https://github.com/huggingface/transformers/blob/main/src/transformers/models/step3p7/modeling_step3p7.py),
/// its config class and conversion mapping. It reads neither `moe_router_activation` nor
/// `norm_expert_weight`; configs that say something else are refused.
final class Step3p5 implements OwnFamily {
  private static final List<ModelNotes> NOTES =
      List.of(
          ModelNotes.of("step3p5", "step3p7")
              .router("sigmoid, correction bias, renormalised, `moe_router_scaling_factor`")
              .experts("`moe.gate_proj/up_proj/down_proj`, of all experts each")
              .also(
                  "`moe.router_bias`, `share_expert` beside the block; `swiglu_limits` and"
                      + " `…_shared` for each layer; `moe_layers_enum`, `mlp_layer_types`")
              .released("stepfun-ai/Step-3.5-Flash", "stepfun-ai/Step-3.7-Flash"));

  @Override
  public List<ModelNotes> notes() {
    return NOTES;
  }

  @Override
  public ModelLayout layout(ModelConfig config) {
    config.expect("moe_router_activation", "sigmoid");
    if (!config.flagOr(true, "norm_expert_weight")) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "%s with \"norm_expert_weight\": false is not supported",
              config.modelType()));
    }
    config.expect("hidden_act", "silu");
    ModelLayout.Builder layout =
        ModelLayout.builder(config)
            .moeLayers(isMoe(config))
            .blocks("moe")
            .storages(new ExpertStorage.Stacked("gate_proj", "up_proj", "down_proj"))
            .shared(
                new SharedLayout(
                    "share_expert",
                    SharedLayout.Place.IN_LAYER,
                    config.positive("share_expert_dim", "share_expert_dims"),
                    null,
                    SharedLayout.Storage.GATE_UP_DOWN))
            .activations(
                new LayerActivations(
                    activations(config, "swiglu_limits"),
                    activations(config, "swiglu_limits_shared")));
    if (config.flagOr(true, "use_moe_router_bias")) {
      layout.correctionBias("router_bias");
    }
    return layout.build(
        config.positive("moe_intermediate_size"),
        config.positive("n_routed_experts", "moe_num_experts", "num_local_experts"),
        new TopKGating(
            config.positive("num_experts_per_tok", "moe_top_k"),
            TopKGating.Scoring.SIGMOID,
            null,
            true,
            (float) config.numberOr(1, "moe_router_scaling_factor"),
            0));
  }

  /// A limit of 0 or null, or no list, is none.
  private static IntFunction<Activation> activations(ModelConfig config, String name) {
    List<Double> limits = config.numbersOr(0, name).orElse(List.of());
    if (limits.isEmpty()) {
      return layer -> Activation.SILU;
    }
    SparseLayers.requireOneEachOrMore(config, name, limits);
    return layer -> {
      float limit = limits.get(layer).floatValue();
      return limit == 0 ? Activation.SILU : Activation.swigluStep(limit);
    };
  }

  private static IntPredicate isMoe(ModelConfig config) {
    List<String> types = config.strings("mlp_layer_types").orElse(null);
    if (types != null) {
      SparseLayers.requireOneEachOrMore(config, "mlp_layer_types", types);
      return layer -> types.get(layer).equals("sparse");
    }
    if (config.isList("moe_layers_enum")) {
      return Set.copyOf(config.integers("moe_layers_enum").orElseThrow())::contains;
    }
    String listed = config.letters("moe_layers_enum").orElse(null);
    return listed == null ? layer -> layer >= 3 : indices(listed)::contains;
  }

  /// As in `3,4,5`.
  private static Set<Integer> indices(String listed) {
    Set<Integer> indices = new HashSet<>();
    for (String item : listed.split(",", -1)) {
      String digits = item.strip();
      if (!digits.isEmpty()) {
        indices.add(index(digits));
      }
    }
    return indices;
  }

  private static int index(String digits) {
    try {
      return Integer.parseInt(digits);
    } catch (NumberFormatException e) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"moe_layers_enum\" must be layer indices and commas, found \"%.80s\" among them",
              digits),
          e);
    }
  }
}
