package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Tuner;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `moe tune`.
@Command(
    name = "tune",
    mixinStandardHelpOptions = true,
    description = {
      "Measures in which ways a device's kernels can be cut for a model's layers, and keeps the "
          + "fastest for later sessions. What they compute stays the same."
    },
    footer = {
      "",
      MeasuredLayers.PRESETS,
      "",
      "Examples:",
      "  moe tune --preset qwen3-30b-a3b --tokens 1,16,256",
      "  moe tune checkpoint --device 0:1 --output tuning.json"
    })
public final class TuneCommand implements Callable<Integer> {
  @Mixin private MeasuredLayers measured = new MeasuredLayers();

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = DeviceBackend.NAME,
      description = "Whose kernels (default: ${DEFAULT-VALUE}).")
  private String backend = DeviceBackend.NAME;

  @Option(
      names = "--device",
      paramLabel = "D",
      description = "Which one, as devices numbers them (default: the one that is used).")
  private @Nullable String device;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = "0.3",
      description = "How long to measure each variant (default: ${DEFAULT-VALUE}).")
  private double seconds = 0.3;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description =
          "Where to keep it, beside what the file has already (default: where sessions look).")
  private @Nullable Path output;

  @Option(names = "--json", description = "Prints one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    measured.requireSensible();
    if (!(seconds > 0)) {
      throw new LayerException("--seconds must be positive, found " + seconds);
    }
    if (output != null) {
      WholeFile.requirePlace(output);
    }
    Backend chosen = DeviceBackend.require(backend);
    Tuner tuner =
        chosen
            .tuner()
            .orElseThrow(() ->
                new BackendException(
                    String.format(Locale.ROOT, "backend \"%s\" has nothing to tune", backend)));
    measured.measure(
        ProcessGroup.alone(spec.commandLine().getOut(), spec.commandLine().getErr()),
        (name, layers) -> tune(tuner, name, layers));
    return ExitCode.FINE;
  }

  private void tune(Tuner tuner, String name, List<MoeLayer> layers) {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Tuner.Request request = new Tuner.Request(layers, measured.tokens(), seconds, device, output);
    Tuner.Report report =
        LoadingBar.show(bar -> tuner.tune(request, bar), "making and loading weights", err);
    if (report.replaced() != null) {
      err.println("older entries were dropped: " + report.replaced());
    }
    TuneTable table = new TuneTable(name, report);
    if (json) {
      out.println(JsonOutput.of(table.json()));
    } else {
      table.print(out);
    }
  }
}
