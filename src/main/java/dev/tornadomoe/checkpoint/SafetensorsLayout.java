package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.checkpoint.safetensors.SafetensorsFile;
import dev.tornadomoe.checkpoint.safetensors.SafetensorsShards;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How a model in safetensors files is laid out. A repository may have both, the same weights
/// twice; the first one counts then.
enum SafetensorsLayout {
  /// `config.json`, `model.safetensors` or its index.
  HUGGING_FACE("model", "config.json"),
  /// Mistral's own: `params.json`, `consolidated.safetensors` or its index.
  CONSOLIDATED("consolidated", "params.json");

  private final String single;
  private final String index;
  private final String config;

  SafetensorsLayout(String name, String config) {
    this.single = name + ".safetensors";
    this.index = name + ".safetensors.index.json";
    this.config = config;
  }

  /// The layout of the tensors that are there, or null when none are.
  static @Nullable SafetensorsLayout of(ModelFiles files) {
    for (SafetensorsLayout layout : values()) {
      if (files.isThere(layout.single) || files.isThere(layout.index)) {
        return layout;
      }
    }
    return null;
  }

  /// The config that belongs to the tensors.
  ///
  /// @throws CheckpointException when it is missing or broken
  ModelConfig config(ModelFiles files) {
    if (!files.isThere(config)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s is there, but no %s",
              files.directory(),
              files.isThere(single) ? single : index,
              config));
    }
    Path file = files.path(config);
    Map<String, Object> said = files.json(config);
    return switch (this) {
      case HUGGING_FACE -> ModelConfig.of(file, said);
      case CONSOLIDATED -> ModelConfig.of(file, MistralParams.config(file, said));
    };
  }

  /// The tensors. A single file wins over an index, which then is a stale one, as in transformers.
  TensorStore open(ModelFiles files) {
    return files.isThere(single)
        ? SafetensorsFile.of(files.path(single), files.bytes(single))
        : SafetensorsShards.open(index, files);
  }
}
