package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileFailure;
import dev.tornadomoe.checkpoint.io.FilesInMemory;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Finds the GGUF model in a directory.
public final class GgufFiles {
  private static final String SUFFIX = ".gguf";

  private GgufFiles() {}

  /// {@return whether a file's name ends in `.gguf`}
  ///
  /// @param file that need not exist
  public static boolean isNamedSo(Path file) {
    return file.toString().endsWith(SUFFIX);
  }

  /// {@return `model.gguf`, or the only model that is there (all parts of a split file are one), or
  /// null when there is no GGUF file} Of several files those that are no models, a vision encoder
  /// (`mmproj`) or an importance matrix, don't count.
  ///
  /// @param directory that may hold other files as well
  /// @throws CheckpointException when there are several, with their names
  public static @Nullable Path find(Path directory) {
    Path usual = directory.resolve("model.gguf");
    if (Files.exists(usual)) {
      return usual;
    }
    List<Path> models = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.gguf")) {
      for (Path file : files) {
        models.add(file);
      }
    } catch (IOException e) {
      throw FileFailure.reading(directory, e);
    }
    List<Path> first =
        models.stream()
            .filter(file -> !GgufShards.isLaterPart(file.getFileName().toString()))
            .sorted()
            .toList();
    if (first.size() > 1) {
      List<Path> all = first;
      first = all.stream().filter(GgufFiles::isModel).toList();
      if (first.isEmpty()) {
        return all.getFirst(); // opening it says what it is
      }
    }
    if (first.size() > 1) {
      throw several(directory, first.size(), first.getFirst().getFileName());
    }
    // Later parts alone: opening one says which is missing.
    return first.isEmpty() ? models.stream().sorted().findFirst().orElse(null) : first.getFirst();
  }

  /// {@return the only GGUF model that is in memory, of a split one its first part; null when there
  /// is none}
  ///
  /// @param files by their names
  /// @throws CheckpointException when there are several
  public static @Nullable String find(FilesInMemory files) {
    List<String> models = files.names().stream().filter(name -> name.endsWith(SUFFIX)).toList();
    List<String> first = models.stream().filter(name -> !GgufShards.isLaterPart(name)).toList();
    if (first.size() > 1) {
      throw several(files.directory(), first.size(), first.getFirst());
    }
    return !first.isEmpty() ? first.getFirst() : models.isEmpty() ? null : models.getFirst();
  }

  private static CheckpointException several(Path where, int count, Object first) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: there are %d GGUF models (%s, ...); say which by its name",
            where,
            count,
            first));
  }

  /// @throws CheckpointException when it is no GGUF file
  private static boolean isModel(Path file) {
    try (MappedFiles mapped = new MappedFiles()) {
      return otherKind(GgufFile.open(file, mapped)) == null;
    }
  }

  /// What a GGUF file holds that is no model, or null for a model
  /// ([general.type](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), which older files
  /// don't have).
  static @Nullable String otherKind(GgufFile file) {
    Object type = file.values().getOrDefault("general.type", "model");
    if ("clip".equals(file.values().get("general.architecture")) || "mmproj".equals(type)) {
      return "the vision or audio encoder of a multimodal model";
    }
    return "model".equals(type)
        ? null
        : String.format(
            Locale.ROOT, "a GGUF file of the general.type \"%s\"", StrictJson.excerpt(type));
  }
}
