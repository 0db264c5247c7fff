package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import java.util.List;
import java.util.stream.Collectors;

/// The known families.
final class MoeFamilies {
  private static final List<MoeFamily> ALL =
      List.of(
          new Mixtral(),
          new QwenMoe(),
          new Qwen35Moe(),
          new Olmoe(),
          new DeepseekV2(),
          new DeepseekV3(),
          new GptOss(),
          new GraniteMoe(),
          new PhiMoe(),
          new Llama4());

  private MoeFamilies() {}

  /// The family of a config.
  ///
  /// @throws LayerException for an unknown `model_type`, with the list of known ones
  static MoeFamily of(ModelConfig config) {
    String modelType = config.modelType();
    for (MoeFamily family : ALL) {
      if (family.modelTypes().contains(modelType)) {
        return family;
      }
    }
    throw new LayerException(
        "model_type \"%s\" is not supported (supported: %s)"
            .formatted(
                modelType,
                ALL.stream()
                    .flatMap(family -> family.modelTypes().stream())
                    .sorted()
                    .collect(Collectors.joining(", "))));
  }
}
