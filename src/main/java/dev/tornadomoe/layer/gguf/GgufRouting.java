package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.Locale;
import java.util.Set;

/// How a GGUF file's model chooses experts, from its architecture and the keys that refine it.
final class GgufRouting {
  private static final String FUNCTION = "expert_gating_func";

  /// The least that llama.cpp divides the chosen experts' weights by: the smallest normal F16.
  private static final float LEAST_SUM = 0x1p-14f;

  /// Of GLM-4.7-Flash; 48 where the block that predicts further tokens is not told apart.
  private static final Set<Integer> GLM_47_FLASH_LAYERS = Set.of(47, 48);

  private static final int GLM_47_FLASH_VOCABULARY = 154_880;

  private GgufRouting() {}

  /// The gating that llama.cpp computes.
  ///
  /// @param layers how many blocks the stack has
  /// @throws dev.tornadomoe.MoeException when a key is missing, or asks for what we don't know or
  ///   llama.cpp does not do in this architecture
  static TopKGating of(GgufMetadata metadata, Architecture architecture, int layers) {
    TopKGating.Scoring scoring = scoring(metadata, architecture, layers);
    TopKGating gating =
        new TopKGating(
            metadata.positive("expert_used_count"),
            scoring,
            null,
            isRenormalised(metadata, architecture),
            scale(metadata, architecture));
    if (gating.renormalise()) {
      gating = gating.withEpsilon(0).withLeastSum(LEAST_SUM);
    }
    int groups = metadata.count("expert_group_count").orElse(1);
    return groups <= 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups,
                metadata.positive("expert_group_used_count"),
                TopKGating.GroupScore.SUM_OF_TWO));
  }

  private static boolean isRenormalised(GgufMetadata metadata, Architecture architecture) {
    String key = "expert_weights_norm";
    if (architecture.renormalise() == Renormalise.IF_STATED) {
      return metadata.flagOr(false, key);
    }
    boolean always = architecture.renormalise() == Renormalise.ALWAYS;
    if (metadata.flagOr(always, key) != always) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s.%s\" is %s, but this architecture knows only %s",
              metadata.architecture(),
              key,
              !always,
              always));
    }
    return always;
  }

  /// 0 is how converters say "none".
  private static float scale(GgufMetadata metadata, Architecture architecture) {
    String key = "expert_weights_scale";
    double scale = metadata.numberOr(1, key);
    if (scale == 0 || scale == 1) {
      return 1;
    }
    if (!architecture.has(Part.SCALE_KEY)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s.%s\" is %s, but there is no use for it in this architecture",
              metadata.architecture(),
              key,
              (float) scale));
    }
    return (float) scale;
  }

  private static TopKGating.Scoring scoring(
      GgufMetadata metadata, Architecture architecture, int layers) {
    int function = metadata.count(FUNCTION).orElse(0);
    if (function == 0) {
      return usual(metadata, architecture, layers);
    }
    String key = metadata.architecture() + "." + FUNCTION;
    if (architecture.has(Part.GATE_KEY)) {
      return switch (function) {
        case 1 -> TopKGating.Scoring.SOFTMAX;
        case 2 -> TopKGating.Scoring.SIGMOID;
        case 3 -> TopKGating.Scoring.SOFTMAX_OF_SELECTED;
        default ->
            throw new LayerException(
                String.format(
                    Locale.ROOT,
                    "\"%s\" is %d, expected 1 (softmax), 2 (sigmoid) or 3 (softmax of the"
                        + " selected)",
                    key,
                    function));
      };
    }
    int only =
        switch (architecture.gate()) {
          case SIGMOID, SIGMOID_OF_SELECTED -> 2;
          case SOFTMAX_OF_SELECTED -> 3;
          case SQRT_SOFTPLUS -> 4;
          default -> 1;
        };
    if (function != only) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s\" is %d, but this architecture knows only %d",
              key,
              function,
              only));
    }
    return usual(metadata, architecture, layers);
  }

  private static TopKGating.Scoring usual(
      GgufMetadata metadata, Architecture architecture, int layers) {
    return switch (architecture.gate()) {
      case SOFTMAX -> TopKGating.Scoring.SOFTMAX;
      case SIGMOID -> TopKGating.Scoring.SIGMOID;
      case SOFTMAX_OF_SELECTED -> TopKGating.Scoring.SOFTMAX_OF_SELECTED;
      case SQRT_SOFTPLUS -> TopKGating.Scoring.SQRT_SOFTPLUS;
      case SIGMOID_OF_SELECTED -> TopKGating.Scoring.SIGMOID_OF_SELECTED;
      case SOFTMAX_OR_GLM_47_FLASH ->
          hasSizesOfGlm47Flash(metadata, layers)
              ? TopKGating.Scoring.SIGMOID
              : TopKGating.Scoring.SOFTMAX;
      case NOT_STATED ->
          throw new LayerException(
              String.format(Locale.ROOT, "no \"%s.%s\"", metadata.architecture(), FUNCTION));
    };
  }

  private static boolean hasSizesOfGlm47Flash(GgufMetadata metadata, int layers) {
    return GLM_47_FLASH_LAYERS.contains(layers) && metadata.vocabulary() == GLM_47_FLASH_VOCABULARY;
  }
}
