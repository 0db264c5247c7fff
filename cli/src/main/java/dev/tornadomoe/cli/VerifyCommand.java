package dev.tornadomoe.cli;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.cli.console.Complaint;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.JsonOutput;
import dev.tornadomoe.cli.parallel.ParallelChoices;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.cli.parallel.TailChoices;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `moe verify`.
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = {
      "Runs the MoE layers of checkpoints and compares their outputs with DIR/golden.safetensors"
          + " (tensors layer<L>/m<M>/input and /output, PART/layer<L>/... for a part), or, where"
          + " there is none, the first layer's with the reference backend."
    },
    footer = {
      "",
      "A case passes when max |error| <= 2e-5 x rms(expected), or with --precision fast when"
          + " rms(error) <= 1e-2 x rms(expected); rows that travel as INT8 or FP8 (--dispatch)"
          + " allow rms(error) <= 3e-2 and 8e-2. With --deferred the command sums the experts' rows"
          + " itself; with --tail it adds made-up rows, and compares their norm, too.",
      "",
      "Examples:",
      "  moe verify checkpoint",
      "  moe verify checkpoints/* --alias off --sanitize",
      "  moe verify checkpoint --backend reference --json",
      "  moe verify checkpoint --tail 1e-6",
      "  mpirun -n 2 moe verify checkpoint --parallel ep"
    })
final class VerifyCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "DIR",
      arity = "1..*",
      description = "Checkpoint directories or GGUF files.")
  private List<Path> directories = List.of();

  @Mixin private PlanChoices choices = new PlanChoices();

  @Mixin private TailChoices tail = new TailChoices();

  @Mixin private ParallelChoices parallel = new ParallelChoices();

  @Option(
      names = "--alias",
      paramLabel = "on|off|require",
      defaultValue = "on",
      description =
          "on: experts write the output wherever that is legal; require: a refusal is an error;"
              + " off: never (default: ${DEFAULT-VALUE}).")
  private PlanChoices.Alias alias = PlanChoices.Alias.ON;

  @Option(
      names = "--sanitize",
      description =
          "Checks every run: poisoned memory, guards, write coverage, inputs, and an unaliased run"
              + " beside it that must agree to the bit.")
  private boolean sanitize;

  @Option(names = "--json", description = "Prints one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    return parallel.run(spec, choices, this::verify);
  }

  private int verify(ProcessGroup processes) {
    PrintWriter out = processes.out();
    PrintWriter err = processes.err();
    Verification verification =
        processes.together(() -> new Verification(choices, tail, alias.mode, sanitize, processes));
    // A backend that is not there is one error, not one for each directory.
    processes.together(choices::backend);
    List<Comparison> cases = new ArrayList<>();
    boolean unusable = false;
    for (Path directory : directories) {
      try {
        List<Comparison> ofDirectory = verification.run(directory);
        if (!json) {
          print(out, directory, ofDirectory);
        }
        cases.addAll(ofDirectory);
      } catch (MoeException e) {
        processes.requireEverywhere(e);
        Complaint.complain(err, Complaint.sentence(e, err));
        unusable = true;
      }
    }
    long failed = cases.stream().filter(c -> !c.pass()).count();
    if (json) {
      Map<String, Object> root = new LinkedHashMap<>();
      root.put("cases", cases.stream().map(Comparison::json).toList());
      out.println(JsonOutput.of(root));
    } else if (!unusable || !cases.isEmpty()) {
      out.println(
          String.format(
              Locale.ROOT,
              "%d cases, %d passed, %d failed",
              cases.size(),
              cases.size() - failed,
              failed));
    }
    return unusable ? ExitCode.WRONG_INPUT : failed > 0 ? ExitCode.CHECK_FAILED : ExitCode.FINE;
  }

  private static void print(PrintWriter out, Path directory, List<Comparison> cases) {
    out.println(directory);
    for (Comparison c : cases) {
      out.println(
          String.format(
              Locale.ROOT,
              "  %slayer %-3d M %-4d %s, %s, alias %-3s  %s  %s",
              c.part() == null ? "" : c.part() + " ",
              c.layer(),
              c.tokens(),
              c.backend(),
              c.precision(),
              c.alias() ? "on" : "off",
              c.errorText(),
              c.pass() ? "ok" : "FAILED"));
    }
  }
}
