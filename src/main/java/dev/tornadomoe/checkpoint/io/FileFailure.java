package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/// Says why a file could not be read or written. The message of many an `IOException` is only the
/// file's name, and its type is the reason.
public final class FileFailure {
  private FileFailure() {}

  /// Refuses what is there but is a directory, a pipe or a device: reading it would fail late or
  /// wait for ever. Of a link it says that its target is not there, as in a cache of Hugging Face's
  /// tools whose blob is gone.
  ///
  /// @param file that is about to be read; one that is missing passes
  public static void requireRegular(Path file) {
    if (FilesInDirectory.isThere(file) && !Files.isRegularFile(file)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s",
              file,
              Files.notExists(file) ? "a link to a file that is not there" : "no regular file"));
    }
  }

  /// {@return the sentence for a file that could not be read: missing, not allowed, or what the
  /// system says}
  ///
  /// @param file that was to be read
  /// @param failure the system's
  public static CheckpointException reading(Path file, IOException failure) {
    return failure instanceof NoSuchFileException
        ? new CheckpointException(String.format(Locale.ROOT, "%s: no such file", file), failure)
        : new CheckpointException(
            String.format(Locale.ROOT, "%s: can't be read (%s)", file, reason(failure)), failure);
  }

  static CheckpointException writing(Path file, IOException failure) {
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: can't be written (%s)", file, reason(failure)), failure);
  }

  private static String reason(IOException failure) {
    String reason = failure instanceof FileSystemException f ? f.getReason() : failure.getMessage();
    if (reason != null) {
      return reason;
    }
    return switch (failure) {
      case AccessDeniedException _ -> "permission denied";
      case NoSuchFileException _ -> "no such file";
      case FileAlreadyExistsException _ -> "it exists already";
      case ClosedByInterruptException _ -> "the thread was interrupted";
      case FileSystemLoopException _ -> "symbolic links in a circle";
      default -> failure.getClass().getSimpleName();
    };
  }
}
