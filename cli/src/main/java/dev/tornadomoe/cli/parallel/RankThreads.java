package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.parallel.Agreement;
import dev.tornadomoe.parallel.Communicator;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;

/// Divides a host's cores among its ranks: a rank that launcher or system has bound to cores of its
/// own uses all of these, ranks on the same cores a part each.
final class RankThreads {
  private static final Path STATUS = Path.of("/proc/self/status");

  private RankThreads() {}

  /// Sets how many threads the CPU backend takes, unless the user has.
  static void share(Communicator ranks) {
    List<String> places = Agreement.exchange(ranks, host() + " " + cores());
    int here = Collections.frequency(places, places.get(ranks.rank()));
    if (System.getProperty(CpuBackend.THREADS_PROPERTY) == null) {
      int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / here);
      System.setProperty(CpuBackend.THREADS_PROPERTY, String.valueOf(threads));
    }
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "unknown"; // then all count as one host, which takes too few threads rather than too
      // many
    }
  }

  /// The cores that this process may run on, where the system says it.
  private static String cores() {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("Cpus_allowed_list:"))
          .findFirst()
          .orElse("all");
    } catch (IOException e) {
      return "all";
    }
  }
}
