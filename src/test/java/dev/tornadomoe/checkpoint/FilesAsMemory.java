package dev.tornadomoe.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// A model's files as an engine has them that has read them all.
public final class FilesAsMemory {
  private FilesAsMemory() {}

  /// The bytes of the files in a directory, or of one file, by their names.
  public static Map<String, MemorySegment> of(Path path, Arena arena) {
    Map<String, MemorySegment> memory = new TreeMap<>();
    try (Stream<Path> files = Files.isDirectory(path) ? Files.list(path) : Stream.of(path)) {
      for (Path file : files.toList()) {
        memory.put(file.getFileName().toString(), copyOf(Files.readAllBytes(file), arena));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return memory;
  }

  /// Native, at a multiple of 32 bytes.
  static MemorySegment copyOf(byte[] bytes, Arena arena) {
    return arena.allocate(bytes.length, 32).copyFrom(MemorySegment.ofArray(bytes));
  }
}
