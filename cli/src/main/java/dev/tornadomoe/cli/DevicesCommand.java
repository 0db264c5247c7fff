package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.Wrapped;
import dev.tornadomoe.parallel.ParallelException;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.parallel.mpi.MpiLibrary;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `moe devices`.
@Command(
    name = "devices",
    mixinStandardHelpOptions = true,
    description =
        "Lists backends, devices and the MPI, what is missing, and which backend auto picks.")
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    String auto = Backends.auto().name();
    List<Backend> backends = Backends.all();
    for (Backend backend : backends) {
      print(
          out,
          backend.name(),
          backend.availability()
              + (backend.name().equals(auto) ? " (what --backend auto picks)" : ""));
      if (backend.availability().isAvailable()) {
        backend.devices().forEach(device -> print(out, "", device));
      }
    }
    if (backends.stream().noneMatch(backend -> backend.name().equals(DeviceBackend.NAME))) {
      print(out, DeviceBackend.NAME, "not there: " + DeviceBackend.MISSING);
    }
    print(out, "mpi", mpi());
    return ExitCode.FINE;
  }

  private static void print(PrintWriter out, String name, String text) {
    Wrapped.lines(String.format(Locale.ROOT, "%-10s ", name), text).forEach(out::println);
  }

  /// What `--parallel` would use, or what it lacks.
  private static String mpi() {
    try {
      return MpiLibrary.find(Launcher.ofThisProcess()).description() + ", for --parallel ep";
    } catch (ParallelException e) {
      return "not there: " + e.getMessage();
    }
  }
}
