package dev.tornadomoe.cli.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/// The machine that figures are from, beside what a backend says of its device.
public final class Machine {
  private static final Path LINUX_PROCESSORS = Path.of("/proc/cpuinfo");

  private Machine() {}

  /// Processor, how many of its threads this process may use, system and Java, in one line.
  public static String describe() {
    return String.format(
        Locale.ROOT,
        "%s, %d processors, %s %s, Java %s",
        processor(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        Runtime.version());
  }

  /// The processor's own name where the system tells it, or else what it executes.
  private static String processor() {
    String architecture = System.getProperty("os.arch");
    if (!Files.isReadable(LINUX_PROCESSORS)) {
      return architecture;
    }
    try (Stream<String> lines = Files.lines(LINUX_PROCESSORS)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(architecture);
    } catch (IOException e) {
      return architecture; // a name less in a report is no reason to have none
    }
  }
}
