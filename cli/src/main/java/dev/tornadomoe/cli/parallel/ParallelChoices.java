package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.checkpoint.io.FileNames;
import dev.tornadomoe.cli.console.Complaint;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.parallel.Agreement;
import dev.tornadomoe.parallel.CombineMode;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.DispatchFormat;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.ExpertPlacement;
import dev.tornadomoe.parallel.ParallelException;
import dev.tornadomoe.parallel.PlacementFile;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.parallel.mpi.MpiCommunicator;
import dev.tornadomoe.parallel.mpi.MpiLibrary;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// The options that say whether and how a command is one of several processes, shared by the
/// commands.
public final class ParallelChoices {

  /// The values of `--parallel`.
  enum Kind {
    EP
  }

  /// The values of `--overlap`.
  enum Overlap {
    ON,
    OFF
  }

  @Option(
      names = "--parallel",
      paramLabel = "ep",
      description =
          "ep: divides experts among the ranks of an MPI job; start it as in mpirun -n 2 moe ..."
              + " (docs/scaling.md).")
  private @Nullable Kind parallel;

  @Option(
      names = "--placement",
      paramLabel = "NAME|FILE",
      description =
          "With --parallel: who holds which experts: contiguous, round-robin, or a JSON file"
              + " (default: contiguous). With --backend tornado: a JSON file that says which are on"
              + " the device, or how often each is chosen (docs/offload.md).")
  private @Nullable String placement;

  @Option(
      names = "--dispatch",
      paramLabel = "f32|int8|fp8",
      description = "With --parallel: how rows travel to their experts (default: f32).")
  private @Nullable DispatchFormat dispatch;

  @Option(
      names = "--combine",
      paramLabel = "pair|rank",
      description =
          "With --parallel: what comes back for a token: a row for each of its experts (the same"
              + " bits on any number of ranks) or a sum for each of their ranks (fewer rows;"
              + " default with --backend tornado).")
  private @Nullable CombineMode combine;

  @Option(
      names = "--overlap",
      paramLabel = "on|off",
      description = "With --parallel: whether shared experts run while rows travel (default: on).")
  private @Nullable Overlap overlap;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description =
          "With --parallel: seconds after which a rank that says nothing is given up (default:"
              + " 60).")
  private @Nullable Integer timeout;

  /// Runs a command's work, alone or as a rank.
  ///
  /// @param choices what runs it
  /// @param work to exit code
  public int run(CommandSpec spec, PlanChoices choices, ToIntFunction<ProcessGroup> work) {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    if (parallel == null) {
      requireNone();
      choices.place(placement);
      return work.applyAsInt(ProcessGroup.alone(out, err));
    }
    choices.requireWhole();
    if (timeout != null && timeout < 1) {
      throw new ParameterException(
          spec.commandLine(), "--timeout must be 1 or more seconds, found " + timeout);
    }
    Launcher launcher = Launcher.ofThisProcess();
    Communicator ranks =
        MpiCommunicator.start(
            MpiLibrary.find(launcher),
            launcher,
            timeout == null ? MpiCommunicator.PATIENCE : timeout);
    try {
      int exit = asRank(ranks, choices, out, err, work);
      ranks.close();
      // All come to the same end. Launchers end a job as soon as one rank fails, and the first,
      // which
      // has something to say, may not have said it yet.
      return ranks.rank() == 0 ? exit : ExitCode.FINE;
    } catch (RuntimeException | Error e) {
      // The others wait for this rank; they end with it.
      String who =
          e instanceof ParallelException
              ? ""
              : String.format(Locale.ROOT, "rank %d: ", ranks.rank());
      Complaint.complain(err, who + Complaint.sentence(e, err));
      out.flush();
      err.flush();
      MpiCommunicator.abandon(ExitCode.WRONG_INPUT);
      throw e;
    }
  }

  private int asRank(
      Communicator ranks,
      PlanChoices choices,
      PrintWriter out,
      PrintWriter err,
      ToIntFunction<ProcessGroup> work) {
    try {
      RankThreads.share(ranks);
      ExpertParallelism parallelism = Agreement.together(ranks, () -> parallelism(ranks, choices));
      return work.applyAsInt(ProcessGroup.of(ranks, parallelism, out, err));
    } catch (ParallelException e) {
      if (!e.isEverywhere()) {
        throw e;
      }
      if (ranks.rank() == 0) {
        Complaint.complain(err, Complaint.sentence(e, err));
      }
      return ExitCode.WRONG_INPUT;
    }
  }

  private ExpertParallelism parallelism(Communicator ranks, PlanChoices choices) {
    ExpertParallelism.Builder builder = ExpertParallelism.over(ranks);
    if (dispatch != null) {
      builder.dispatch(dispatch);
    }
    String name = placement == null ? "contiguous" : placement;
    switch (name.toLowerCase(Locale.ROOT)) {
      case "contiguous" -> {
        // what it does by itself
      }
      case "round-robin" ->
          builder.placement(layer ->
              ExpertPlacement.roundRobin(
                  layer.globalExperts() - layer.identityExperts(), ranks.size()));
      default -> builder.placement(PlacementFile.read(FileNames.path(name))::placement);
    }
    return builder
        .combine(combine == null ? choices.combine() : combine)
        .overlap(overlap != Overlap.OFF)
        .build();
  }

  private void requireNone() {
    require("--dispatch", dispatch);
    require("--combine", combine);
    require("--overlap", overlap);
    require("--timeout", timeout);
  }

  private static void require(String option, @Nullable Object value) {
    if (value != null) {
      throw new ParallelException(option + " is for --parallel ep, which is not there");
    }
  }
}
