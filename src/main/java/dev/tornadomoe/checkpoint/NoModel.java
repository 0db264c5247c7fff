package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileFailure;
import dev.tornadomoe.checkpoint.io.FilesInDirectory;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// Says what a directory without a model's tensors is.
final class NoModel {
  private static final String ADAPTER = "adapter_config.json";

  private NoModel() {}

  /// The refusal of a directory that has no tensors of a model under the names that we read.
  static CheckpointException in(Path directory) {
    FileFailure.requireRegular(directory.resolve("config.json"));
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: %s", directory, what(directory)));
  }

  private static String what(Path directory) {
    if (FilesInDirectory.isThere(directory.resolve(ADAPTER))) {
      return String.format(
          Locale.ROOT,
          "an adapter (%s) of %s, not a model; merge it into that model (merge_and_unload in peft)"
              + " and name the result",
          ADAPTER,
          base(directory.resolve(ADAPTER)));
    }
    if (FilesInDirectory.isThere(directory.resolve("model_index.json"))) {
      return "a pipeline of several models (model_index.json); name the directory of one of them";
    }
    if (hasAny(directory, "*.{bin,pt,pth}")) {
      return "weights are there as PyTorch files (.bin, .pt or .pth) only; save the model as"
          + " safetensors";
    }
    return FilesInDirectory.isThere(directory.resolve("config.json"))
        ? "neither model.safetensors nor model.safetensors.index.json is there, so this is no model"
            + " in safetensors form"
        : "no config.json, so this is no model";
  }

  private static String base(Path adapter) {
    Object base = StrictJson.readObject(adapter).get("base_model_name_or_path");
    return base instanceof String name ? '"' + StrictJson.excerpt(name) + '"' : "another model";
  }

  private static boolean hasAny(Path directory, String glob) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, glob)) {
      return files.iterator().hasNext();
    } catch (IOException e) {
      throw FileFailure.reading(directory, e);
    }
  }
}
