package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.parallel.LayerRange;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
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

  @Option(
      names = "--layers",
      paramLabel = "RANGE",
      converter = LayerRange.Converter.class,
      description = "MoE layers, as in 0-1 or 3,5 (default: all).")
  private @Nullable LayerRange layers;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    PrintWriter err = spec.commandLine().getErr();
    WholeFile.requirePlace(output);
    Map<String, Object> chosen = new LinkedHashMap<>();
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      List<Integer> indices = layers == null ? model.layerIndices() : layers.indices();
      if (indices.isEmpty()) {
        throw new LayerException(
            String.format(Locale.ROOT, "%s: the model has no MoE layers", directory));
      }
      for (int index : indices) {
        MoeLayer layer = model.layer(index);
        HiddenStates rows = HiddenStates.read(input, tensorName(index), layer);
        chosen.put(String.valueOf(index), RouteCounter.count(layer, rows));
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

  /// The layer's own tensor, or null where one goes to all layers.
  private @Nullable String tensorName(int layer) {
    try (TensorFile file = TensorFile.open(input)) {
      boolean isByLayer = file.names().stream().anyMatch(name -> name.matches("layer\\d+/hidden"));
      return isByLayer ? "layer" + layer + "/hidden" : null;
    }
  }
}
