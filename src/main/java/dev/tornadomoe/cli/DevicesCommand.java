package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Backends;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `moe devices`.
@Command(
    name = "devices",
    mixinStandardHelpOptions = true,
    description = "Lists backends and devices, what is missing, and which one auto picks.")
final class DevicesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    String auto = Backends.auto().name();
    List<Backend> backends = Backends.all();
    for (Backend backend : backends) {
      out.println(
          "%-10s %s%s"
              .formatted(
                  backend.name(),
                  backend.availability(),
                  backend.name().equals(auto) ? " (what --backend auto picks)" : ""));
      if (backend.availability().isAvailable()) {
        backend.devices().forEach(device -> out.println("           " + device));
      }
    }
    if (backends.stream().noneMatch(backend -> backend.name().equals(Backends.TORNADO))) {
      out.println("%-10s not there: %s".formatted(Backends.TORNADO, Backends.TORNADO_MISSING));
    }
    return Main.FINE;
  }
}
