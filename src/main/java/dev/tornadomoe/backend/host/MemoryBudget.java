package dev.tornadomoe.backend.host;

import com.sun.management.OperatingSystemMXBean;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.text.ByteSize;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// How much memory there is to allocate. Asked before weights are loaded, so that too little of it
/// is one sentence and not a machine that swaps.
public final class MemoryBudget {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path CGROUP = Path.of("/sys/fs/cgroup");

  private MemoryBudget() {}

  /// Refuses to begin what can't end well.
  ///
  /// @param what what needs it, for the message
  /// @param bytes how much will be allocated
  public static void require(String what, long bytes) {
    long available = available();
    if (bytes > available) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s needs %s of memory, but only %s is available",
              what,
              ByteSize.format(bytes),
              ByteSize.format(available)));
    }
  }

  /// Free memory and what the system can free at once, within the limit of a container.
  private static long available() {
    try {
      return Math.min(ofMachine(), ofContainer());
    } catch (IOException | NumberFormatException e) {
      return free();
    }
  }

  private static long free() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize();
  }

  /// On Linux the file cache gives way, which the bean does not count.
  private static long ofMachine() throws IOException {
    return Files.isReadable(MEMINFO) ? number(MEMINFO, "MemAvailable:") * 1024 : free();
  }

  /// What is left of a container's limit. Its usage counts the file cache, of which the inactive
  /// part gives way.
  private static long ofContainer() throws IOException {
    if (Files.isReadable(CGROUP.resolve("memory.max"))) {
      String limit = Files.readString(CGROUP.resolve("memory.max")).strip();
      return limit.equals("max")
          ? Long.MAX_VALUE
          : Long.parseLong(limit)
              - number(CGROUP.resolve("memory.current"), "")
              + number(CGROUP.resolve("memory.stat"), "inactive_file ");
    }
    Path first = CGROUP.resolve("memory"); // version 1
    if (Files.isReadable(first.resolve("memory.limit_in_bytes"))) {
      return number(first.resolve("memory.limit_in_bytes"), "")
          - number(first.resolve("memory.usage_in_bytes"), "")
          + number(first.resolve("memory.stat"), "total_inactive_file ");
    }
    return Long.MAX_VALUE;
  }

  /// The number in the line that begins so.
  private static long number(Path file, String begin) throws IOException {
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith(begin)) {
        return Long.parseLong(line.substring(begin.length()).replaceAll("\\D", ""));
      }
    }
    throw new IOException(String.format(Locale.ROOT, "%s has no \"%s\"", file, begin));
  }
}
