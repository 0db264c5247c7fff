package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.parallel.ParallelChoices;
import dev.tornadomoe.cli.parallel.PartChoice;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `moe run`.
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Runs one MoE layer on hidden states from a safetensors file.",
    footer = {
      "",
      "Examples:",
      "  moe run checkpoint --layer 0 --sample-input hidden.safetensors",
      "  moe run checkpoint --layer 0 --input hidden.safetensors --output moe.safetensors",
      "  moe run checkpoint --layer 3 --input all.safetensors --tensor layer3/hidden --output"
          + " y.safetensors",
      "  mpirun -n 2 moe run checkpoint --parallel ep --layer 0 --input hidden.safetensors --output"
          + " moe.safetensors"
    })
final class RunCommand implements Callable<Integer> {
  /// Longer inputs are worked on in slices, to bound the workspace.
  private static final int SLICE_TOKENS = 1024;

  /// What is done with the layer.
  private static final class Work {
    @ArgGroup(exclusive = false)
    private @Nullable Files files;

    @ArgGroup(exclusive = false)
    private @Nullable Sample sample;
  }

  /// It is run, from a file to a file.
  private static final class Files {
    @Option(
        names = "--input",
        paramLabel = "FILE",
        required = true,
        description = {
          "Safetensors file with the hidden states [M, H], F32, F16 or BF16.",
          "A layer that chooses experts by token ids has them beside, \"input_ids\", I32 or I64"
              + " [M]; one whose router goes on from the layer before, \"router_states\", F32 [M,"
              + " R], which the output file then has, too."
        })
    private Path input = Path.of("");

    @Option(
        names = "--tensor",
        paramLabel = "NAME",
        description = "Which tensor of the input file, where it has several.")
    private @Nullable String tensorName;

    @Option(
        names = "--output",
        paramLabel = "FILE",
        required = true,
        description = "Safetensors file to write: \"output\" F32 [M, H].")
    private Path output = Path.of("");
  }

  /// A file is made that it can be run on.
  private static final class Sample {
    @Option(
        names = "--sample-input",
        paramLabel = "FILE",
        required = true,
        description =
            "Runs nothing, but writes made-up hidden states for this layer, to be given as"
                + " --input.")
    private Path file = Path.of("");

    @Option(
        names = "--tokens",
        paramLabel = "M",
        defaultValue = "4",
        description = "How many rows the sample has (default: ${DEFAULT-VALUE}).")
    private int tokens;
  }

  @Parameters(paramLabel = "DIR", description = "A checkpoint directory or GGUF file.")
  private Path directory = Path.of("");

  @Mixin private PlanChoices choices = new PlanChoices();

  @Mixin private PartChoice part = new PartChoice();

  @Mixin private ParallelChoices parallel = new ParallelChoices();

  @Option(
      names = "--layer",
      paramLabel = "L",
      required = true,
      description = "The layer's index in the model, from 0.")
  private int layerIndex;

  @ArgGroup(exclusive = true, multiplicity = "1")
  private Work work = new Work();

  @Option(
      names = "--alias",
      paramLabel = "on|off|require",
      defaultValue = "on",
      description = "Whether experts may write the output (default: ${DEFAULT-VALUE}).")
  private PlanChoices.Alias alias = PlanChoices.Alias.ON;

  @Option(names = "--sanitize", description = "Checks the run for breaches of contract.")
  private boolean sanitize;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    return parallel.run(
        spec,
        choices,
        processes ->
            work.sample != null
                ? writeSample(processes, work.sample)
                : run(processes, Objects.requireNonNull(work.files)));
  }

  private int writeSample(ProcessGroup processes, Sample sample) {
    List<TensorView> tensors =
        processes.together(() -> {
          try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            MoeLayer layer = part.model(checkpoint).layer(layerIndex);
            HiddenStates rows = HiddenStates.madeUp(sample.tokens, layer);
            List<TensorView> all = new ArrayList<>(List.of(rows.tensor("hidden")));
            all.addAll(ExtraTensors.tensors(layer, rows.extras(), false));
            return all;
          }
        });
    if (processes.isFirst()) {
      write(processes, sample.file, tensors);
    }
    return ExitCode.FINE;
  }

  private int run(ProcessGroup processes, Files files) {
    Backend backend = processes.together(choices::backend);
    processes.together(() -> {
      WholeFile.requirePlace(files.output);
      return files.output;
    });
    try (Checkpoint checkpoint = processes.together(() -> Checkpoint.open(directory))) {
      MoeLayer layer = processes.together(() -> part.model(checkpoint).layer(layerIndex));
      HiddenStates hidden =
          processes.together(() -> HiddenStates.read(files.input, files.tensorName, layer));
      MoePlan plan = processes.together(() -> plan(processes, backend, layer, hidden.tokens()));
      processes.agree(directory, plan, List.of(layer));
      float[] result;
      try (Session session =
          processes.together(() ->
              LoadingBar.prepare(backend, plan, "loading layer " + layerIndex, processes.err()))) {
        result = inSlices(processes, session, hidden);
      }
      if (processes.isFirst()) {
        TensorView output =
            new HiddenStates(result, hidden.tokens(), layer.hidden(), hidden.extras())
                .tensor("output");
        List<TensorView> tensors = new ArrayList<>(List.of(output));
        tensors.addAll(ExtraTensors.tensors(layer, hidden.extras(), true));
        write(processes, files.output, tensors);
      }
    }
    return ExitCode.FINE;
  }

  private MoePlan plan(ProcessGroup processes, Backend backend, MoeLayer layer, int tokens) {
    MoeLayer ofRank = processes.part(layer);
    Planner.Builder planner =
        choices
            .planner(alias.mode, backend, List.of(ofRank), processes)
            .maxTokens(Math.clamp(tokens, 1, SLICE_TOKENS))
            .sanitize(sanitize);
    return choices.plan(planner, backend, List.of(layer), processes, sanitize ? 2 : 1);
  }

  private static float[] inSlices(ProcessGroup processes, Session session, HiddenStates hidden) {
    float[] rows = hidden.rows();
    int width = hidden.width();
    float[] result = new float[rows.length];
    // Once without tokens, too: that is a call like any other.
    int first = 0;
    do {
      int end = (int) Math.min(rows.length, first + (long) SLICE_TOKENS * width);
      int firstToken = first / width;
      int endToken = end / width;
      float[] slice =
          processes.run(
              session,
              Arrays.copyOfRange(rows, first, end),
              endToken - firstToken,
              hidden.extras().part(firstToken, endToken));
      System.arraycopy(slice, 0, result, first, slice.length);
      first = end;
    } while (first < rows.length);
    return result;
  }

  private static void write(ProcessGroup processes, Path file, List<TensorView> tensors) {
    SafetensorsWriter.write(file, tensors);
    String written =
        tensors.stream()
            .map(tensor ->
                String.format(
                    Locale.ROOT, "\"%s\" %s %s", tensor.name(), tensor.dtype(), tensor.shape()))
            .collect(Collectors.joining(", "));
    processes.err().println(String.format(Locale.ROOT, "wrote %s: %s", file, written));
  }
}
