package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;

/// A model's files in a directory.
///
/// @param directory that holds them
/// @param mapped what they are mapped with
public record FilesInDirectory(Path directory, MappedFiles mapped) implements ModelFiles {

  /// Maps all of a file.
  ///
  /// @param file a regular one
  /// @param mapped what it is mapped with
  /// @return its bytes, as long as it is mapped
  /// @throws CheckpointException when it can't be read
  public static MemorySegment map(Path file, MappedFiles mapped) {
    FileFailure.requireRegular(file);
    try {
      return mapped.map(file);
    } catch (IOException e) {
      throw FileFailure.reading(file, e);
    }
  }

  /// {@return whether there is something of this name, a link whose target is gone among it}
  ///
  /// @param file of any kind
  public static boolean isThere(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public boolean isThere(String name) {
    return isThere(path(name));
  }

  @Override
  public MemorySegment bytes(String name) {
    return map(path(name), mapped);
  }

  @Override
  public Map<String, Object> json(String name) {
    return StrictJson.readObject(path(name));
  }
}
