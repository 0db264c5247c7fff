package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// Model directories with whatever config and tensors a test needs.
public final class ModelDirectory {
  private ModelDirectory() {}

  /// `config.json` and `model.safetensors`.
  public static Path write(Path directory, String config, Collection<TensorView> tensors) {
    writeText(directory.resolve("config.json"), config);
    SafetensorsWriter.write(directory.resolve("model.safetensors"), List.copyOf(tensors));
    return directory;
  }

  /// The same, opened.
  public static Checkpoint open(Path directory, String config, Collection<TensorView> tensors) {
    return Checkpoint.open(write(directory, config, tensors));
  }

  /// Opens a model and asks for a linear layer, which must be refused in one sentence.
  public static void assertLinearRefused(
      Path directory,
      String config,
      TensorSet tensors,
      String module,
      int rows,
      int columns,
      String... says) {
    assertThatThrownBy(
            () -> {
              try (Checkpoint checkpoint = open(directory, config, tensors.tensors())) {
                checkpoint.linear(module, rows, columns);
              }
            })
        .isInstanceOf(CheckpointException.class)
        .isInstanceOf(MoeException.class)
        .hasMessageContainingAll(says);
  }

  /// `config.json` and `model.safetensors.index.json`, no shards.
  public static Path writeIndex(Path directory, String config, Map<String, String> shardOf) {
    StringBuilder map = new StringBuilder();
    new TreeMap<>(shardOf)
        .forEach((tensor, shard) ->
            map.append(map.isEmpty() ? "" : ",\n")
                .append(String.format(Locale.ROOT, "    \"%s\": \"%s\"", tensor, shard)));
    writeText(directory.resolve("config.json"), config);
    writeText(
        directory.resolve("model.safetensors.index.json"),
        "{\n  \"metadata\": {\"total_size\": 1},\n  \"weight_map\": {\n" + map + "\n  }\n}\n");
    return directory;
  }

  /// Of a `config.json` that is written first.
  static ModelConfig readConfig(Path directory, String json) {
    Path file = writeText(directory.resolve("config.json"), json);
    return ModelConfig.of(file, StrictJson.readObject(file));
  }

  public static Path writeText(Path file, String text) {
    try {
      return Files.writeString(file, text, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
