package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/// A directory that goes when it is closed, or when the process ends before, as with Ctrl-C.
final class TemporaryDirectory implements AutoCloseable {
  /// While the process ends, its other threads may still write files.
  private static final int MOST_ATTEMPTS = 100;

  private final Path path;
  private final Thread hook = new Thread(this::deleteAtTheEnd);

  private TemporaryDirectory(Path path) {
    this.path = path;
  }

  /// Makes one.
  ///
  /// @param prefix its name begins with this
  /// @throws CheckpointException when none can be made
  static TemporaryDirectory make(String prefix) {
    try {
      TemporaryDirectory directory = new TemporaryDirectory(Files.createTempDirectory(prefix));
      Runtime.getRuntime().addShutdownHook(directory.hook);
      return directory;
    } catch (IOException e) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "no temporary directory can be made (%s)", e.getMessage()), e);
    }
  }

  Path path() {
    return path;
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the process is ending, and the hook deletes it
    }
    try {
      delete();
    } catch (IOException e) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s can't be deleted (%s)", path, e.getMessage()), e);
    }
  }

  private void deleteAtTheEnd() {
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      try {
        delete();
        return;
      } catch (NoSuchFileException e) {
        return; // it is gone
      } catch (IOException e) {
        Thread.onSpinWait(); // a file has come, or gone
      }
    }
  }

  private void delete() throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.delete(path);
  }
}
