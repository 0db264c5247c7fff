package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/// Writes files whole or not at all: under a temporary name beside the target, then moved.
public final class WholeFile {

  /// Fills the temporary file.
  @FunctionalInterface
  public interface Content {
    /// Writes everything to a file that nobody else reads yet.
    ///
    /// @param temporary an empty file in the same directory
    /// @throws IOException when the system refuses
    void writeTo(Path temporary) throws IOException;
  }

  /// Makes names unique, so that two threads that write the same file don't share a temporary one.
  private static final AtomicLong COUNTER = new AtomicLong();

  private WholeFile() {}

  /// Writes UTF-8 text, replacing a file that is there.
  ///
  /// @param file in a directory that is there
  /// @param text its whole content
  /// @throws CheckpointException when the file can't be written
  public static void writeText(Path file, String text) {
    write(file, temporary -> Files.writeString(temporary, text, StandardCharsets.UTF_8));
  }

  /// Refuses what can't be written, before the work that is to be written is done.
  ///
  /// @param file that will be written later
  /// @throws CheckpointException when there is no directory for the file, or one in its place
  public static void requirePlace(Path file) {
    if (file.toString().isEmpty()) {
      throw new CheckpointException("the name of the file to be written is empty");
    }
    Path directory = file.toAbsolutePath().getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: can't be written, there is no directory %s", file, directory));
    }
    if (!Files.isWritable(directory)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: can't be written, writing to %s is not permitted",
              file,
              directory));
    }
    if (Files.isDirectory(file)) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: can't be written, it is a directory", file));
    }
    // A device or pipe would be replaced by a file.
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: can't be written, it is there and no regular file", file));
    }
  }

  /// Where a link leads, so that the file is replaced and not the link.
  private static Path target(Path file) {
    try {
      return Files.isSymbolicLink(file) && Files.exists(file) ? file.toRealPath() : file;
    } catch (IOException e) {
      throw FileFailure.writing(file, e);
    }
  }

  /// Writes a file beside its place, and moves it there when it is complete.
  ///
  /// @param file in a directory that is there
  /// @param content writes it
  /// @throws CheckpointException when the file can't be written
  public static void write(Path file, Content content) {
    requirePlace(file);
    Path target = target(file);
    Path temporary =
        target.resolveSibling(
            String.format(
                Locale.ROOT,
                ".%s.%d-%d.tmp",
                target.getFileName(),
                ProcessHandle.current().pid(),
                COUNTER.getAndIncrement()));
    try {
      content.writeTo(temporary);
      Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      deleteQuietly(temporary);
      throw FileFailure.writing(file, e);
    } catch (RuntimeException | Error e) {
      deleteQuietly(temporary);
      throw e;
    }
  }

  private static void deleteQuietly(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // The failure that brought us here is the one to report.
    }
  }
}
