package dev.tornadomoe.layer.gguf;

import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.TopKGating;
import java.util.Locale;

/// How a GGUF file's model chooses experts, from its architecture and the keys that refine it.
final class GgufRouting {
  private static final String FUNCTION = "expert_gating_func";

  private GgufRouting() {}

  /// The gating that llama.cpp computes.
  ///
  /// @throws dev.tornadomoe.MoeException when a key is missing, or asks for what we don't know
  static TopKGating of(GgufMetadata metadata, Architecture architecture) {
    TopKGating.Scoring scoring = scoring(metadata, architecture);
    boolean renormalise =
        switch (architecture.renormalise()) {
          case ALWAYS -> scoring != TopKGating.Scoring.SOFTMAX_OF_SELECTED; // sums to 1 already
          case NEVER -> false;
          case IF_SAID -> metadata.flagOr(false, "expert_weights_norm");
        };
    double scale = metadata.numberOr(1, "expert_weights_scale");
    TopKGating gating =
        new TopKGating(
            metadata.positive("expert_used_count"),
            scoring,
            null,
            renormalise,
            scale == 0 ? 1 : (float) scale); // 0 is how converters say "none"
    int groups = metadata.count("expert_group_count").orElse(1);
    return groups <= 1
        ? gating
        : gating.grouped(
            new TopKGating.Groups(
                groups,
                metadata.positive("expert_group_used_count"),
                TopKGating.GroupScore.SUM_OF_TWO));
  }

  private static TopKGating.Scoring scoring(GgufMetadata metadata, Architecture architecture) {
    int function = metadata.count(FUNCTION).orElse(0);
    if (function == 0) {
      return usual(metadata, architecture);
    }
    String key = metadata.architecture() + "." + FUNCTION;
    if (function > 3) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "\"%s\" is %d, expected 1 (softmax), 2 (sigmoid) or 3 (softmax of the selected)",
              key,
              function));
    }
    if (architecture.has(Architecture.Part.GATE_KEY)) {
      return switch (function) {
        case 1 -> TopKGating.Scoring.SOFTMAX;
        case 2 -> TopKGating.Scoring.SIGMOID;
        default -> TopKGating.Scoring.SOFTMAX_OF_SELECTED;
      };
    }
    int only =
        switch (architecture.gate()) {
          case SIGMOID, SIGMOID_OF_SELECTED -> 2;
          case SOFTMAX_OF_SELECTED -> 3;
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
    return usual(metadata, architecture);
  }

  private static TopKGating.Scoring usual(GgufMetadata metadata, Architecture architecture) {
    return switch (architecture.gate()) {
      case SOFTMAX -> TopKGating.Scoring.SOFTMAX;
      case SIGMOID -> TopKGating.Scoring.SIGMOID;
      case SOFTMAX_OF_SELECTED -> TopKGating.Scoring.SOFTMAX_OF_SELECTED;
      case SIGMOID_OF_SELECTED -> TopKGating.Scoring.SIGMOID_OF_SELECTED;
      case NOT_SAID ->
          throw new LayerException(
              String.format(Locale.ROOT, "no \"%s.%s\"", metadata.architecture(), FUNCTION));
    };
  }
}
