package dev.tornadomoe.tensor.mapped;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// A file whose bytes are memory. Its length is asked of the open file, so that neither a removed
/// one nor another under its name counts as shorter.
public final class MappedFile {
  private final Path path;
  private final RandomAccessFile file;
  private final MemorySegment memory;

  MappedFile(Path path, RandomAccessFile file, MemorySegment memory) {
    this.path = path;
    this.file = file;
    this.memory = memory;
  }

  /// {@return the file, as it was opened}
  public Path path() {
    return path;
  }

  /// All of its bytes.
  MemorySegment memory() {
    return memory;
  }

  /// {@return whether the file is still as long as its memory; what is behind its end must not be
  /// touched} One system call, and nothing is allocated.
  public boolean isWhole() {
    try {
      return file.length() >= memory.byteSize();
    } catch (IOException e) {
      return false; // closed in this moment, or its disk is gone
    }
  }

  void close() throws IOException {
    file.close();
  }
}
