package dev.tornadomoe.cli.console;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.tensor.text.ByteSize;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a command says when it can't do what it was asked to.
public final class Complaint {
  /// Prints the stack trace of every failure.
  public static final String TRACE_PROPERTY = "tornadomoe.trace";

  private Complaint() {}

  /// What is wrong, in one sentence; with [#TRACE_PROPERTY] the stack trace goes before it.
  public static String sentence(Throwable failure, PrintWriter err) {
    if (Boolean.getBoolean(TRACE_PROPERTY)) {
      failure.printStackTrace(err);
    }
    return switch (failure) {
      case MoeException e -> String.valueOf(e.getMessage());
      case OutOfMemoryError e ->
          String.format(
              Locale.ROOT,
              "memory ran out (%s); the Java heap ends at %s, MOE_JAVA_OPTS=-Xmx... moves its end",
              e.getMessage(),
              ByteSize.format(Runtime.getRuntime().maxMemory()));
      default ->
          String.format(
              Locale.ROOT, "internal error: %s; run again with --trace and report it", failure);
    };
  }

  /// Says what is wrong, in one line: names from files and arguments may hold line breaks and the
  /// terminal's control sequences, which are shown and not carried out.
  public static void complain(PrintWriter err, @Nullable String message) {
    err.println("moe: " + printable(String.valueOf(message)));
  }

  /// Text from a file as one line that does nothing to a terminal.
  public static String printable(String text) {
    StringBuilder line = new StringBuilder();
    text.chars()
        .forEach(c -> {
          if (Character.isISOControl(c)) {
            line.append(String.format(Locale.ROOT, "\\u%04x", c));
          } else {
            line.append((char) c);
          }
        });
    return line.toString();
  }
}
