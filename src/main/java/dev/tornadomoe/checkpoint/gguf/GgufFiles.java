package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileFailure;
import dev.tornadomoe.checkpoint.io.FilesInDirectory;
import dev.tornadomoe.checkpoint.io.FilesInMemory;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
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
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      files.forEach(file -> names.add(file.getFileName().toString()));
    } catch (IOException e) {
      throw FileFailure.reading(directory, e);
    }
    try (MappedFiles mapped = new MappedFiles()) {
      ModelFiles files = new FilesInDirectory(directory, mapped);
      String name = find(files, names, "say which by its name");
      return name == null ? null : files.path(name);
    }
  }

  /// {@return the same of files in memory, by its name}
  ///
  /// @param files by their names
  /// @throws CheckpointException when there are several, with their names
  public static @Nullable String find(FilesInMemory files) {
    return find(files, files.names(), "leave out all but one");
  }

  private static @Nullable String find(ModelFiles files, Collection<String> names, String remedy) {
    if (files.isThere("model.gguf")) {
      return "model.gguf";
    }
    List<String> all = names.stream().filter(name -> name.endsWith(SUFFIX)).sorted().toList();
    List<String> first = all.stream().filter(name -> !GgufShards.isLaterPart(name)).toList();
    if (first.isEmpty()) {
      return all.isEmpty() ? null : all.getFirst(); // a later part: opening it says what is missing
    }
    if (first.size() == 1) {
      return first.getFirst();
    }
    List<String> models = first.stream().filter(name -> isModel(files, name)).toList();
    if (models.size() > 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: there are %d GGUF models (%s, ...); %s",
              files.directory(),
              models.size(),
              models.getFirst(),
              remedy));
    }
    return models.isEmpty() ? first.getFirst() : models.getFirst(); // opening it says what it is
  }

  /// @throws CheckpointException when it is no GGUF file
  private static boolean isModel(ModelFiles files, String name) {
    return otherKind(GgufFile.parse(files.path(name), files.bytes(name))) == null;
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
