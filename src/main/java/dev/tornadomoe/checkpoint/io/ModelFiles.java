package dev.tornadomoe.checkpoint.io;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;

/// The files of a model by their names, wherever their bytes are: in a directory, or in memory that
/// somebody else has mapped or read.
public interface ModelFiles {

  /// {@return what messages call the place where they are}
  Path directory();

  /// {@return whether there is a file of this name, or something else that reading it will name}
  ///
  /// @param name without a directory
  boolean isThere(String name);

  /// {@return all bytes of a file, native, for every thread, to be read only}
  ///
  /// @param name without a directory
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when it can't be read
  MemorySegment bytes(String name);

  /// {@return the members of a JSON file, in its order}
  ///
  /// @param name without a directory
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when it can't be read, is too large
  ///   or no JSON object
  Map<String, Object> json(String name);

  /// {@return what messages call a file}
  ///
  /// @param name without a directory
  default Path path(String name) {
    return directory().resolve(name);
  }
}
