package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.WholeFile;
import dev.tornadomoe.checkpoint.safetensors.SafetensorsWriter;
import dev.tornadomoe.checkpoint.safetensors.TensorFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.LoadingBar;
import dev.tornadomoe.cli.parallel.Job;
import dev.tornadomoe.cli.parallel.ParallelChoices;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
      "  moe run checkpoint --layer 0 --input hidden.safetensors --output moe.safetensors",
      "  moe run checkpoint --layer 3 --input all.safetensors --tensor layer3/hidden --output y.safetensors",
      "  mpirun -n 4 moe run checkpoint --parallel ep --layer 0 --input hidden.safetensors --output moe.safetensors"
    })
final class RunCommand implements Callable<Integer> {
  /// Longer inputs are worked on in slices, to bound the workspace.
  private static final int SLICE_TOKENS = 1024;

  @Parameters(paramLabel = "DIR", description = "A checkpoint directory or GGUF file.")
  private Path directory = Path.of("");

  @Mixin private PlanChoices choices = new PlanChoices();

  @Mixin private ParallelChoices parallel = new ParallelChoices();

  @Option(
      names = "--layer",
      paramLabel = "L",
      required = true,
      description = "The layer's index in the model, from 0.")
  private int layerIndex;

  @Option(
      names = "--input",
      paramLabel = "FILE",
      required = true,
      description = "Safetensors file with the hidden states [M, H], F32, F16 or BF16.")
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
    return parallel.run(spec, this::run);
  }

  private int run(Job job) {
    Backend backend = job.together(choices::backend);
    job.together(() -> {
      WholeFile.requirePlace(output);
      return output;
    });
    try (Checkpoint checkpoint = job.together(() -> Checkpoint.open(directory));
        TensorFile file = job.together(() -> TensorFile.open(input))) {
      MoeLayer layer = job.together(() -> MoeModel.of(checkpoint).layer(layerIndex));
      TensorView hidden = job.together(() -> hidden(file, layer.hidden()));
      int tokens = Math.toIntExact(hidden.shape().dimension(0));
      MoePlan plan = job.together(() -> plan(job, backend, layer, tokens));
      job.agree(directory, plan, List.of(layer));
      float[] result;
      try (Session session =
          job.together(
              () -> LoadingBar.prepare(backend, plan, "loading layer " + layerIndex, job.err()))) {
        result = inSlices(job, session, hidden.toFloats(), layer.hidden());
      }
      if (job.isFirst()) {
        write(job, result, tokens, layer.hidden());
      }
    }
    return ExitCode.FINE;
  }

  private MoePlan plan(Job job, Backend backend, MoeLayer layer, int tokens) {
    MoeLayer part = job.part(layer);
    return choices
        .planner(alias.mode, backend, List.of(part), job)
        .maxTokens(Math.clamp(tokens, 1, SLICE_TOKENS))
        .sanitize(sanitize)
        .build()
        .plan(part);
  }

  private static float[] inSlices(Job job, Session session, float[] rows, int width) {
    float[] result = new float[rows.length];
    // Once without tokens, too: that is a call like any other.
    int first = 0;
    do {
      int end = (int) Math.min(rows.length, first + (long) SLICE_TOKENS * width);
      float[] slice = job.run(session, Arrays.copyOfRange(rows, first, end), (end - first) / width);
      System.arraycopy(slice, 0, result, first, slice.length);
      first = end;
    } while (first < rows.length);
    return result;
  }

  private void write(Job job, float[] result, int tokens, int hidden) {
    MemorySegment bytes = MemorySegment.ofArray(result);
    SafetensorsWriter.write(
        output, List.of(new TensorView("output", DType.F32, Shape.of(tokens, hidden), bytes)));
    job.err()
        .println(
            String.format(
                Locale.ROOT, "wrote %s: \"output\" F32 [%d, %d]", output, tokens, hidden));
  }

  private TensorView hidden(TensorFile file, int hidden) {
    if (file.names().isEmpty()) {
      throw new CheckpointException(String.format(Locale.ROOT, "%s: has no tensors", input));
    }
    if (tensorName == null && file.names().size() != 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: has %d tensors (%s); say which with --tensor",
              input,
              file.names().size(),
              String.join(", ", file.names().stream().limit(8).toList())));
    }
    TensorView tensor =
        file.require(tensorName != null ? tensorName : file.names().iterator().next());
    boolean isRows = tensor.shape().rank() == 2 && tensor.shape().dimension(1) == hidden;
    boolean isActivation =
        tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
    if (!isRows || !isActivation) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected F32, F16 or BF16 [M, %d]",
              input,
              tensor.name(),
              tensor.dtype(),
              tensor.shape(),
              hidden));
    }
    if (tensor.shape().elements() > Integer.MAX_VALUE - 8) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, too large to run in one go; cut it into several files",
              input,
              tensor.name(),
              tensor.shape()));
    }
    return tensor;
  }
}
