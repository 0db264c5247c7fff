package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.parallel.LayersChoice;
import dev.tornadomoe.cli.parallel.ParallelChoices;
import dev.tornadomoe.cli.parallel.PartChoice;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.cli.parallel.TailChoices;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.plan.explain.Explanation;
import dev.tornadomoe.tensor.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `moe explain`.
@Command(
    name = "explain",
    mixinStandardHelpOptions = true,
    description =
        "Says how the MoE layers of a checkpoint would be computed and why: steps, buffers, what"
            + " shares memory, and the copies that are left. Reads no weights.",
    footer = {
      "",
      "Examples:",
      "  moe explain checkpoint",
      "  moe explain checkpoint --layers 0-1 --tokens 256 --format json",
      "  moe explain checkpoint --format svg --output plan.svg",
      "  moe explain checkpoint --experts batched",
      "  moe explain checkpoint --deferred",
      "  moe explain checkpoint --residual given --tail 1e-6"
    })
final class ExplainCommand implements Callable<Integer> {

  /// The values of `--format`.
  enum Format {
    TEXT,
    JSON,
    DOT,
    SVG
  }

  /// The values of `--rows`.
  enum Rows {
    F32(DType.F32),
    F16(DType.F16),
    BF16(DType.BF16);

    private final DType type;

    Rows(DType type) {
      this.type = type;
    }
  }

  @Parameters(paramLabel = "DIR", description = "A checkpoint directory or GGUF file.")
  private Path directory = Path.of("");

  @Mixin private PlanChoices choices = new PlanChoices();

  @Mixin private PartChoice part = new PartChoice();

  @Mixin private TailChoices tail = new TailChoices();

  @Mixin private ParallelChoices parallel = new ParallelChoices();

  @Mixin private LayersChoice layers = new LayersChoice();

  @Option(
      names = "--tokens",
      paramLabel = "M",
      defaultValue = "1",
      description = "Tokens per call (default: ${DEFAULT-VALUE}).")
  private int tokens = 1;

  @Option(
      names = "--alias",
      paramLabel = "on|off|require",
      defaultValue = "on",
      description = "Whether experts may write the output (default: ${DEFAULT-VALUE}).")
  private PlanChoices.Alias alias = PlanChoices.Alias.ON;

  @Option(names = "--in-place", description = "The output is the hidden states' own memory.")
  private boolean inPlace;

  @Option(
      names = "--rows",
      paramLabel = "f32|f16|bf16",
      defaultValue = "f32",
      description =
          "Element type of the caller's rows: hidden states, residual and output (default:"
              + " ${DEFAULT-VALUE}).")
  private Rows rows = Rows.F32;

  @Option(
      names = "--residual",
      paramLabel = "none|given|in_output",
      defaultValue = "none",
      description =
          "Whether rows are added to the result: the caller's, or what the output holds (default:"
              + " ${DEFAULT-VALUE}).")
  private Residual residual = Residual.NONE;

  @Option(
      names = "--format",
      paramLabel = "text|json|dot|svg",
      defaultValue = "text",
      description = "What to print (default: ${DEFAULT-VALUE}).")
  private Format format = Format.TEXT;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Writes it to a file.")
  private @Nullable Path output;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    return parallel.run(spec, choices, this::explain);
  }

  private int explain(ProcessGroup processes) {
    String text = processes.together(() -> text(processes));
    if (output == null) {
      processes.out().println(text.stripTrailing());
    } else if (processes.isFirst()) {
      WholeFile.writeText(output, text);
      processes.err().println("wrote " + output);
    }
    return ExitCode.FINE;
  }

  private String text(ProcessGroup processes) {
    Backend backend = choices.backend(); // nothing for a backend or a precision that is not there
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = part.model(checkpoint);
      List<MoeLayer> chosen = layers.of(model, directory).stream().map(model::layer).toList();
      Planner.Builder planner =
          choices
              .planner(alias.mode, processes)
              .maxTokens(Math.max(1, tokens))
              .inPlace(inPlace)
              .hiddenType(rows.type)
              .outputType(rows.type);
      tail.applyTo(planner, residual);
      if (tokens < 0) {
        throw new LayerException("--tokens must be 0 or more, found " + tokens);
      }
      MoePlan plan = choices.plan(planner, backend, chosen, processes, 1);
      Explanation explanation = Explanation.of(plan, tokens);
      if (backend.unsupported(plan).isEmpty()) {
        explanation = explanation.withMemory(backend.name(), backend.memory(plan));
      }
      return switch (format) {
        case TEXT -> explanation.text();
        case JSON -> explanation.json();
        case DOT -> explanation.dot();
        case SVG -> explanation.svg();
      };
    }
  }
}
