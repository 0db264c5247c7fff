package dev.tornadomoe.cli.inspect;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.parallel.OffloadChoices;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `moe inspect`.
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    description = {
      "Shows what is in a checkpoint: architecture, layers, experts, router, formats and their"
          + " bytes,",
      "what each backend would do with it, and what is not supported and why. Reads headers only."
    },
    footer = {
      "",
      "Examples:",
      "  moe inspect path/to/checkpoint",
      "  moe inspect path/to/checkpoint --json",
      "  moe inspect path/to/checkpoint --device-memory 8GiB",
      "  moe inspect model-00001-of-00016.safetensors",
      "",
      "Exit codes: 0 also for a checkpoint that can't be run, whose reasons are shown; 2 where it",
      "can't be read."
    })
public final class InspectCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "DIR|FILE",
      description = "A checkpoint, or one safetensors file, of which the tensors are shown.")
  private Path path = Path.of("");

  @Mixin private OffloadChoices offload = new OffloadChoices();

  @Option(
      names = "--placement",
      paramLabel = "FILE",
      description =
          "Which experts are on the device, or how often each is chosen (docs/offload.md); says"
              + " what each side then has.")
  private @Nullable String placement;

  @Option(names = "--json", description = "Prints one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    offload.place(placement);
    Map<String, Object> found = inspect();
    PrintWriter out = spec.commandLine().getOut();
    out.println(json ? JsonOutput.of(found) : new InspectText(found).text().stripTrailing());
    return ExitCode.FINE;
  }

  private Map<String, Object> inspect() {
    if (Files.isRegularFile(path) && path.toString().endsWith(".safetensors")) {
      try (TensorFile file = TensorFile.open(path)) {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("file", path.toString());
        found.put(
            "tensors",
            TensorKinds.of(
                    file.names(),
                    name -> file.find(name).map(StoredTensor::of),
                    e -> {
                      throw e;
                    })
                .toJson());
        return found;
      }
    }
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return new Inspection(checkpoint, offload).toJson();
    }
  }
}
