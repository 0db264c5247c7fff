package dev.tornadomoe.cli;

import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FileNames;
import dev.tornadomoe.cli.bench.BenchCommand;
import dev.tornadomoe.cli.bench.TuneCommand;
import dev.tornadomoe.cli.console.Complaint;
import dev.tornadomoe.cli.console.ExitCode;
import dev.tornadomoe.cli.console.StandardOutput;
import dev.tornadomoe.cli.console.Version;
import dev.tornadomoe.cli.console.WrongUsage;
import dev.tornadomoe.cli.inspect.InspectCommand;
import dev.tornadomoe.parallel.mpi.Launcher;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// The `moe` command: exit code 0 when all is well, 1 when a check failed, 2 for wrong usage or
/// input.
@Command(
    name = "moe",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Mixture-of-Experts layers on the JVM: verify, explain, run and measure them.",
    subcommands = {
      DemoCommand.class,
      VerifyCommand.class,
      ExplainCommand.class,
      InspectCommand.class,
      RunCommand.class,
      BenchCommand.class,
      TuneCommand.class,
      RouteStatsCommand.class,
      DevicesCommand.class
    },
    footer = {
      "",
      "Examples:",
      "  moe demo",
      "  moe verify path/to/checkpoint --alias off",
      "  moe inspect path/to/checkpoint",
      "  moe explain path/to/checkpoint --tokens 1 --format svg > plan.svg",
      "  moe bench --preset qwen3-30b-a3b --tokens 1,16,256",
      "",
      "Exit codes: 0 fine, 1 a check failed, 2 wrong usage or input."
    })
public final class Main {
  @Option(names = "--trace", hidden = true, scope = CommandLine.ScopeType.INHERIT)
  @SuppressWarnings("UnusedMethod") // picocli calls it
  private void setTrace(boolean on) {
    System.setProperty(Complaint.TRACE_PROPERTY, Boolean.toString(on));
  }

  /// Runs a command and exits.
  public static void main(String[] args) {
    StandardOutput output = new StandardOutput();
    PrintWriter out = new PrintWriter(output, true, System.out.charset());
    PrintWriter err = new PrintWriter(System.err, true, System.err.charset());
    int exit = run(out, err, args);
    out.flush();
    if (output.failure() != null) {
      Complaint.complain(
          err,
          String.format(Locale.ROOT, "standard output can't be written (%s)", output.failure()));
      exit = ExitCode.WRONG_INPUT;
    }
    System.exit(exit);
  }

  /// Runs a command.
  ///
  /// @param out for results
  /// @param err for everything else
  /// @return the exit code
  static int run(PrintWriter out, PrintWriter err, String... args) {
    CommandLine command =
        new CommandLine(new Main())
            .setOut(out)
            .setErr(err)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .registerConverter(Path.class, Main::path)
            // "@name" is a path like any other, not a file with more arguments.
            .setExpandAtFiles(false)
            .setExecutionExceptionHandler((e, cmd, parsed) -> report(e, err));
    command.setParameterExceptionHandler((e, arguments) -> {
      if (isLaterRank(arguments)) {
        return ExitCode
            .FINE; // the first says it for all, unless its launcher ends it for another's failure
      }
      Complaint.complain(err, WrongUsage.sentence(e));
      err.println("Try: " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
      return ExitCode.WRONG_INPUT;
    });
    try {
      return command.execute(args);
    } catch (OutOfMemoryError e) {
      Complaint.complain(err, Complaint.sentence(e, err));
      return ExitCode.WRONG_INPUT;
    }
  }

  private static Path path(String name) {
    try {
      return FileNames.path(name);
    } catch (CheckpointException e) {
      throw new CommandLine.TypeConversionException(e.getMessage());
    }
  }

  private static boolean isLaterRank(String... args) {
    Launcher launcher = Launcher.ofThisProcess();
    return launcher != null
        && launcher.rank() > 0
        && Arrays.stream(args).anyMatch(argument -> argument.startsWith("--parallel"));
  }

  private static int report(Exception e, PrintWriter err) {
    Complaint.complain(err, Complaint.sentence(e, err));
    return e instanceof SanitizeException ? ExitCode.CHECK_FAILED : ExitCode.WRONG_INPUT;
  }
}
