package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;

/// The ways in which configs say which layers are MoE layers and which are dense. The models' own
/// code divides by the steps: one of 0 is refused, as it is there.
final class SparseLayers {
  /// Far more than any model has; beyond it listing the layers would eat the memory.
  private static final int MOST_LAYERS = 100_000;

  private SparseLayers() {}

  /// @throws LayerException for more layers than any model has
  static void requireSane(int layers) {
    if (layers > MOST_LAYERS) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"num_hidden_layers\" is %d, expected at most %d",
              layers,
              MOST_LAYERS));
    }
  }

  /// Qwen: every `decoder_sparse_step`-th layer, counted from 1, without those of
  /// `mlp_only_layers`.
  static IntPredicate byStep(ModelConfig config) {
    int step = config.positiveOr(1, "decoder_sparse_step");
    Set<Integer> dense = Set.copyOf(config.integers("mlp_only_layers").orElse(List.of()));
    return layer -> !dense.contains(layer) && (layer + 1) % step == 0;
  }

  /// DeepSeek: all from layer `first_k_dense_replace`, of these every `moe_layer_freq`-th, counted
  /// from layer 0 (released models have 1).
  static IntPredicate afterDense(ModelConfig config, int denseByDefault) {
    int dense = config.countOr(denseByDefault, "first_k_dense_replace");
    int frequency = config.positiveOr(1, "moe_layer_freq");
    return layer -> layer >= dense && layer % frequency == 0;
  }

  /// Those that `mlp_layer_types` calls `sparse`; without it, what else the config says.
  ///
  /// @throws LayerException when the list has another length than the model has layers
  static IntPredicate byType(ModelConfig config, IntPredicate otherwise) {
    List<String> types = config.strings("mlp_layer_types").orElse(null);
    if (types == null) {
      return otherwise;
    }
    requireOneEach(config, "mlp_layer_types", types);
    return layer -> types.get(layer).equals("sparse");
  }

  /// Those for which `is_moe_layer` is true; without it, what else the config says.
  ///
  /// @throws LayerException when the list has another length than the model has layers
  static IntPredicate byFlag(ModelConfig config, IntPredicate otherwise) {
    List<Boolean> flags = config.flags("is_moe_layer").orElse(null);
    if (flags == null) {
      return otherwise;
    }
    requireOneEach(config, "is_moe_layer", flags);
    return flags::get;
  }

  /// Those for which `moe_layer_freq` is not 0, where it is a list (MiMo); otherwise, DeepSeek's
  /// way.
  ///
  /// @throws LayerException when the list has another length than the model has layers
  static IntPredicate byFrequency(ModelConfig config, int denseByDefault) {
    if (!config.isList("moe_layer_freq")) {
      return afterDense(config, denseByDefault);
    }
    List<Integer> frequencies = config.integers("moe_layer_freq").orElseThrow();
    requireOneEach(config, "moe_layer_freq", frequencies);
    return layer -> frequencies.get(layer) != 0;
  }

  static void requireOneEach(ModelConfig config, String name, List<?> list) {
    requireSize(config, name, list, 0);
  }

  /// The list may go on for the layers that predict more tokens.
  static void requireOneEachOrMore(ModelConfig config, String name, List<?> list) {
    requireSize(config, name, list, config.countOr(0, "num_nextn_predict_layers"));
  }

  private static void requireSize(ModelConfig config, String name, List<?> list, int further) {
    int layers = config.positive("num_hidden_layers");
    if (list.size() != layers && list.size() != (long) layers + further) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s\" has %d elements, expected one for each of %d layers",
              name,
              list.size(),
              layers));
    }
  }

  /// Llama 4: those of `moe_layers`, or else every `interleave_moe_layer_step`-th, counted from 1.
  static IntPredicate listed(ModelConfig config) {
    List<Integer> listed = config.integers("moe_layers").orElse(null);
    if (listed != null) {
      return Set.copyOf(listed)::contains;
    }
    int step = config.positiveOr(1, "interleave_moe_layer_step");
    return layer -> (layer + 1) % step == 0;
  }
}
