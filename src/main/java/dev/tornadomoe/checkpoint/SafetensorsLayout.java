package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.checkpoint.safetensors.SafetensorsFile;
import dev.tornadomoe.checkpoint.safetensors.SafetensorsShards;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How a directory with safetensors files is laid out. A repository may have both, the same weights
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
  static @Nullable SafetensorsLayout of(Path directory) {
    for (SafetensorsLayout layout : values()) {
      if (isThere(directory, layout.single) || isThere(directory, layout.index)) {
        return layout;
      }
    }
    return null;
  }

  /// Whether there is a file of this name, or something else that the reading of it will name.
  static boolean isThere(Path directory, String name) {
    return Files.exists(directory.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  /// The config that belongs to the tensors.
  ///
  /// @throws CheckpointException when it is missing or broken
  ModelConfig config(Path directory) {
    Path file = directory.resolve(config);
    if (!isThere(directory, config)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: %s is there, but no %s", directory, stored(directory), config));
    }
    return switch (this) {
      case HUGGING_FACE -> ModelConfig.read(file);
      case CONSOLIDATED -> ModelConfig.of(file, MistralParams.read(file));
    };
  }

  private String stored(Path directory) {
    return isThere(directory, single) ? single : index;
  }

  /// The tensors. A single file wins over an index, which then is a stale one, as in transformers.
  ///
  /// @param files what they are mapped with
  TensorStore open(Path directory, MappedFiles files) {
    return isThere(directory, single)
        ? SafetensorsFile.open(directory.resolve(single), files)
        : SafetensorsShards.open(directory.resolve(index), files);
  }
}
