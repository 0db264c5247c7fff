package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.nio.charset.Charset;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;

/// Names of files from arguments, properties and other files.
public final class FileNames {
  private FileNames() {}

  /// The path with a name.
  ///
  /// @param name as a file or a command line has it
  /// @return the path, not looked up
  /// @throws CheckpointException where there can be no such path. The JVM takes the encoding of
  ///   names from the locale of its process, and that of C and POSIX has no letters but ASCII's.
  public static Path path(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      Charset names = Charset.forName(System.getProperty("sun.jnu.encoding"));
      throw new CheckpointException(
          names.newEncoder().canEncode(name)
              ? String.format(
                  Locale.ROOT, "\"%s\" can't be a path (%s)", e.getInput(), e.getReason())
              : String.format(
                  Locale.ROOT,
                  "\"%s\" has letters that names of files don't have in this process's locale (%s);"
                      + " set LC_ALL=C.UTF-8",
                  name,
                  names),
          e);
    }
  }
}
