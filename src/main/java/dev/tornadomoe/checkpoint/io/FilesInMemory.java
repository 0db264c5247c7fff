package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// A model's files in memory that somebody else has mapped or read.
public final class FilesInMemory implements ModelFiles {
  /// The alignment of GGUF's data, the largest of any format; mapped files lie at pages.
  private static final int ALIGNMENT = 32;

  private static final Thread ANY_THREAD = Thread.ofPlatform().unstarted(() -> {});

  private final Path directory;
  private final Map<String, MemorySegment> files;

  private FilesInMemory(Path directory, Map<String, MemorySegment> files) {
    this.directory = directory;
    this.files = files;
  }

  /// Files of a model.
  ///
  /// @param name what messages call the directory that they would be in, or an empty one for none
  /// @param files all bytes of each by its name there
  /// @return the files, none of them looked at
  /// @throws CheckpointException for a name that no file can have
  public static FilesInMemory of(String name, Map<String, MemorySegment> files) {
    Path directory = nameOf(name);
    files.keySet().forEach(FilesInMemory::nameOf);
    return new FilesInMemory(directory, new TreeMap<>(files));
  }

  private static Path nameOf(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new CheckpointException("a model in memory needs a name that a file could have", e);
    }
  }

  /// {@return their names, sorted}
  public Set<String> names() {
    return files.keySet();
  }

  @Override
  public Path directory() {
    return directory;
  }

  @Override
  public boolean isThere(String name) {
    return files.containsKey(name);
  }

  @Override
  public MemorySegment bytes(String name) {
    MemorySegment memory = memory(name);
    if (!memory.isNative()) {
      throw refusal(name, "is a Java array, expected native memory, as of a mapped file");
    }
    if (!memory.isAccessibleBy(ANY_THREAD)) {
      throw refusal(
          name,
          "belongs to one thread, but several work on it; use Arena.ofShared() or Arena.ofAuto()");
    }
    if (memory.address() % ALIGNMENT != 0) {
      throw refusal(
          name,
          String.format(
              Locale.ROOT,
              "begins at address %d, expected a multiple of %d",
              memory.address(),
              ALIGNMENT));
    }
    return memory.asReadOnly();
  }

  @Override
  public Map<String, Object> json(String name) {
    MemorySegment memory = memory(name);
    if (!memory.isAccessibleBy(Thread.currentThread())) {
      throw refusal(name, "belongs to another thread");
    }
    StrictJson.requireSize(memory.byteSize(), path(name));
    return StrictJson.parseObject(memory.toArray(ValueLayout.JAVA_BYTE), path(name).toString());
  }

  private MemorySegment memory(String name) {
    MemorySegment memory = files.get(name);
    if (memory == null) {
      throw new CheckpointException(String.format(Locale.ROOT, "%s: no such file", path(name)));
    }
    if (!memory.scope().isAlive()) {
      throw refusal(name, "has been closed");
    }
    return memory;
  }

  private CheckpointException refusal(String name, String why) {
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: the memory of the model %s", path(name), why));
  }
}
