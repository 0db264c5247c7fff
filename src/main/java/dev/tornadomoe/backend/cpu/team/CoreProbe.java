package dev.tornadomoe.backend.cpu.team;

import dev.tornadomoe.backend.CoreUse;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/// Asks Linux on which cores a team's threads ran last: the JDK does not know.
public final class CoreProbe {
  private static final Path TASKS = Path.of("/proc/self/task");
  private static final Path CALLER = Path.of("/proc/thread-self");
  private static final Path CPUS = Path.of("/sys/devices/system/cpu");

  /// The field of `stat` with the processor, counted from behind the name, which may have blanks
  /// (proc(5) counts it as the 39th from the beginning, and what follows the name as the 3rd).
  private static final int PROCESSOR = 39 - 3;

  private CoreProbe() {}

  /// The calling thread's and the workers' cores; empty where the system does not say.
  ///
  /// @param threads how many the team has
  public static Optional<CoreUse> of(int threads) {
    if (!Files.isDirectory(CALLER)) {
      return Optional.empty();
    }
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(TASKS)) {
      Set<String> cores = new HashSet<>();
      cores.add(core(CALLER));
      int found = 1;
      for (Path task : tasks) {
        if (Files.readString(task.resolve("comm")).startsWith(WorkerTeam.THREAD_NAME)) {
          cores.add(core(task));
          found++;
        }
      }
      // Workers of another session, or none that can be told apart: nothing is known.
      return found == threads ? Optional.of(new CoreUse(threads, cores.size())) : Optional.empty();
    } catch (IOException | RuntimeException e) {
      return Optional.empty(); // a thread has just ended, or the files look otherwise here
    }
  }

  /// What tells a core from others: the processors that belong to it.
  private static String core(Path task) throws IOException {
    String stat = Files.readString(task.resolve("stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    Path siblings =
        CPUS.resolve("cpu" + fields[PROCESSOR]).resolve("topology/thread_siblings_list");
    return Files.isReadable(siblings)
        ? Files.readString(siblings)
        : "processor " + fields[PROCESSOR];
  }
}
