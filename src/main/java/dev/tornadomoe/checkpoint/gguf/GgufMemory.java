package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;

/// A GGUF file in memory that somebody else has mapped or read.
public final class GgufMemory {
  /// The alignment of a file's data unless it says otherwise; mapped files lie at pages.
  private static final int ALIGNMENT = 32;

  private static final Thread ANY_THREAD = Thread.ofPlatform().unstarted(() -> {});

  private GgufMemory() {}

  /// A name as what stands for a file in messages.
  ///
  /// @param name that the engine gives its model
  /// @return the name as a path, which nothing opens
  /// @throws CheckpointException when it can't be a file's
  public static Path nameOf(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new CheckpointException("a model in memory needs a name that a file could have", e);
    }
  }

  /// Reads a header.
  ///
  /// @param file for messages
  /// @param memory all of the file
  /// @return its tensors, over this memory
  /// @throws CheckpointException when it is no sound GGUF file, or memory that kernels can't use
  public static GgufFile open(Path file, MemorySegment memory) {
    if (!memory.scope().isAlive()) {
      throw refusal(file, "has been closed");
    }
    if (!memory.isNative()) {
      throw refusal(file, "is a Java array, expected native memory, as of a mapped file");
    }
    if (!memory.isAccessibleBy(ANY_THREAD)) {
      throw refusal(
          file,
          "belongs to one thread, but several work on it; use Arena.ofShared() or Arena.ofAuto()");
    }
    if (memory.address() % ALIGNMENT != 0) {
      throw refusal(
          file,
          String.format(
              Locale.ROOT,
              "begins at address %d, expected a multiple of %d",
              memory.address(),
              ALIGNMENT));
    }
    GgufFile opened = GgufFile.parse(file, memory.asReadOnly());
    long parts = GgufShards.parts(opened);
    if (parts > 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: is one of %d parts; in memory a model is one, so open its files instead",
              file,
              parts));
    }
    return opened;
  }

  private static CheckpointException refusal(Path file, String why) {
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: the memory of the model %s", file, why));
  }
}
