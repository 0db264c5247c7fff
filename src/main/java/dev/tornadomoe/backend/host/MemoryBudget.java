package dev.tornadomoe.backend.host;

import com.sun.management.OperatingSystemMXBean;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.ByteSize;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/// How much memory there is to allocate. Asked before weights are loaded, so that too little of it
/// is one sentence and not a machine that swaps.
public final class MemoryBudget {
  private static final Path MEMINFO = Path.of("/proc/meminfo");

  private MemoryBudget() {}

  /// Refuses to begin what can't end well.
  ///
  /// @param what what needs it, for the message
  /// @param bytes how much will be allocated
  public static void require(String what, long bytes) {
    long available = available();
    if (bytes > available) {
      throw new BackendException(
          "%s needs %s of memory, but only %s is available"
              .formatted(what, ByteSize.format(bytes), ByteSize.format(available)));
    }
  }

  /// Free memory and what the system can free at once, within the limit of a container.
  private static long available() {
    long free =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize();
    // On Linux the bean does not count the file cache, which gives way; inside a container with a
    // limit it knows better than /proc, so the smaller total wins there.
    try {
      if (Files.isReadable(MEMINFO) && !isLimited()) {
        for (String line : Files.readAllLines(MEMINFO)) {
          if (line.startsWith("MemAvailable:")) {
            return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
          }
        }
      }
    } catch (IOException | NumberFormatException e) {
      return free;
    }
    return free;
  }

  private static boolean isLimited() throws IOException {
    Path limit = Path.of("/sys/fs/cgroup/memory.max");
    return Files.isReadable(limit) && !Files.readString(limit).strip().equals("max");
  }
}
