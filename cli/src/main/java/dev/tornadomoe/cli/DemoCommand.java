package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.parallel.PlanChoices;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.cli.parallel.TailChoices;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.explain.Explanation;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `moe demo`.
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description = {
      "Makes a small checkpoint in a real format, explains its plan with and without output"
          + " aliasing, runs and verifies it. Leaves nothing behind unless it is told to."
    },
    footer = {"", "Examples:", "  moe demo", "  moe demo --keep moe-demo"})
final class DemoCommand implements Callable<Integer> {
  @Option(
      names = "--keep",
      paramLabel = "DIR",
      description =
          "Makes the checkpoint in this new directory, with a picture of its plan, and leaves"
              + " both.")
  private @Nullable Path keep;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    if (keep != null) {
      return demonstrate(newDirectory(keep));
    }
    try (TemporaryDirectory directory = TemporaryDirectory.make("moe-demo-")) {
      return demonstrate(directory.path());
    }
  }

  private int demonstrate(Path directory) {
    PrintWriter out = spec.commandLine().getOut();
    new DemoCheckpoint(directory).write();
    out.println("1. A checkpoint: " + directory);
    out.println(
        "   Qwen3-MoE, 48 layers, 16 experts, top-4, W4A16 (compressed-tensors, group 32), 2"
            + " shards");
    out.println();
    explain(out, directory);
    boolean fine = verify(out, directory);
    String kept = keep == null ? "moe-demo" : keep.toString();
    if (keep == null) {
      out.println(
          "It is deleted again. Keep it and look at it yourself, or give any other directory:");
      out.println("   ./moe demo --keep " + kept);
    } else {
      out.println("Look at the same checkpoint yourself, or give any other directory:");
    }
    out.println("   ./moe explain " + kept);
    out.println("   ./moe verify " + kept + " --sanitize");
    return fine ? ExitCode.FINE : ExitCode.CHECK_FAILED;
  }

  private static Path newDirectory(Path requested) {
    try {
      return Files.createDirectory(requested);
    } catch (FileAlreadyExistsException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s is there already; --keep makes a new directory", requested),
          e);
    } catch (IOException e) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "directory %s can't be made (%s)", requested, e.getMessage()),
          e);
    }
  }

  private void explain(PrintWriter out, Path directory) {
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      List<MoeLayer> layers = model.layerIndices().stream().map(model::layer).toList();
      MoePlan plan = Planner.builder().build().plan(layers);
      out.println("2. The plan of one decode step, before (each buffer its own) and after:");
      out.println();
      Explanation.of(plan, 1).text().lines().forEach(line -> out.println("   " + line));
      out.println();
      if (keep != null) {
        Path picture = directory.resolve("plan.svg");
        WholeFile.writeText(picture, Explanation.of(plan, 1).svg());
        out.println("   The same as a picture: " + picture);
        out.println();
      }
    }
  }

  private boolean verify(PrintWriter out, Path directory) {
    out.println("3. Run and verified (max |error| <= 2e-5 x rms), with the alias and without:");
    boolean fine = true;
    for (AliasMode mode : List.of(AliasMode.AUTO, AliasMode.OFF)) {
      List<Comparison> cases =
          new Verification(
                  new PlanChoices(),
                  new TailChoices(),
                  mode,
                  true,
                  ProcessGroup.alone(spec.commandLine().getOut(), spec.commandLine().getErr()))
              .run(directory);
      for (Comparison c : cases) {
        fine &= c.pass();
        out.println(
            String.format(
                Locale.ROOT,
                "   layer %-2d  M %-2d  alias %-3s  %s  %s",
                c.layer(),
                c.tokens(),
                c.alias() ? "on" : "off",
                c.errorText(),
                c.pass() ? "ok" : "FAILED"));
      }
    }
    out.println(
        "   Every run was sanitised: poisoned memory, guards, write coverage, and the same bits");
    out.println("   with the alias as without.");
    out.println();
    return fine;
  }
}
