package dev.tornadomoe.cli;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.bench.RoutingProbe;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.parallel.ArrayCall;
import dev.tornadomoe.cli.parallel.LayersChoice;
import dev.tornadomoe.cli.parallel.PartChoice;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `moe route-stats`.
@Command(
    name = "route-stats",
    mixinStandardHelpOptions = true,
    description = {
      "Counts how often each expert is chosen, for --placement with --device-memory: those that are"
          + " chosen most often go to the device. Loads no experts."
    },
    footer = {
      "",
      "Examples:",
      "  moe route-stats checkpoint --input hidden.safetensors --output stats.json",
      "  moe bench checkpoint --backend tornado --device-memory 8GiB --placement stats.json"
    })
final class RouteStatsCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIR", description = "A checkpoint directory or GGUF file.")
  private Path directory = Path.of("");

  @Option(
      names = "--input",
      paramLabel = "FILE",
      required = true,
      description = {
        "Safetensors file with hidden states [M, H], F32, F16 or BF16: \"layer<L>/hidden\" for each"
            + " layer, as it gets them, or a single tensor that goes to all.",
        "A layer that chooses experts by token ids has them beside, \"input_ids\", I32 or I64 [M]."
      })
  private Path input = Path.of("");

  @Option(
      names = "--output",
      paramLabel = "FILE",
      required = true,
      description = "JSON file to write (docs/offload.md).")
  private Path output = Path.of("");

  @Mixin private PartChoice part = new PartChoice();

  @Mixin private LayersChoice layers = new LayersChoice();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    PrintWriter err = spec.commandLine().getErr();
    WholeFile.requirePlace(output);
    Map<String, Object> chosen = new LinkedHashMap<>();
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = part.model(checkpoint);
      boolean isByLayer = isByLayer();
      for (int index : layers.of(model, directory)) {
        MoeLayer layer = model.layer(index);
        @Nullable String tensorName = isByLayer ? "layer" + index + "/hidden" : null;
        HiddenStates rows = HiddenStates.read(input, tensorName, layer);
        chosen.put(String.valueOf(index), counts(layer, rows));
      }
    }
    WholeFile.writeText(output, JsonOutput.of(Map.of("experts_chosen", chosen)) + "\n");
    err.println(
        String.format(
            Locale.ROOT,
            "wrote %s: counts of %d %s",
            output,
            chosen.size(),
            chosen.size() == 1 ? "layer" : "layers"));
    return ExitCode.FINE;
  }

  /// For each of the router's experts how many of these rows choose it.
  private static long[] counts(MoeLayer layer, HiddenStates rows) {
    long[] counts = new long[layer.globalExperts()];
    if (rows.tokens() > 0) {
      float[] output = new float[rows.rows().length];
      MoeCall call = ArrayCall.of(rows.rows(), rows.tokens(), output, rows.extras());
      for (int expert : RoutingProbe.ids(layer, call)) {
        counts[expert]++;
      }
    }
    return counts;
  }

  /// Whether each layer has a tensor of its own, or one goes to all.
  private boolean isByLayer() {
    try (TensorFile file = TensorFile.open(input)) {
      return file.names().stream().anyMatch(name -> name.matches("layer\\d+/hidden"));
    }
  }
}
