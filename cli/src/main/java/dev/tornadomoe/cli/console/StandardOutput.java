package dev.tornadomoe.cli.console;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/// Standard output that remembers that it could not be written: a `PrintWriter` keeps that to
/// itself, and a script would take an empty file for a result.
public final class StandardOutput extends OutputStream {
  private final OutputStream out = new FileOutputStream(FileDescriptor.out);
  private @Nullable IOException failure;

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int from, int count) throws IOException {
    try {
      out.write(bytes, from, count);
    } catch (IOException e) {
      failure = e;
      throw e;
    }
  }

  /// Why something is missing of what was written, or null. A reader that has seen enough (`| head
  /// -1`) is no failure.
  public @Nullable String failure() {
    if (failure == null || "Broken pipe".equals(failure.getMessage())) {
      return null;
    }
    return failure.getMessage();
  }
}
