package dev.tornadomoe.cli;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.tensor.ByteSize;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// The `moe` command: exit code 0 when all is well, 1 when a check failed, 2 for wrong usage or
/// input.
@Command(
    name = "moe",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Mixture-of-Experts layers on the JVM: verify, explain, run and measure them.",
    subcommands = {
      DemoCommand.class,
      VerifyCommand.class,
      ExplainCommand.class,
      InspectCommand.class,
      RunCommand.class,
      BenchCommand.class,
      TuneCommand.class,
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
  static final int FINE = 0;
  static final int CHECK_FAILED = 1;
  static final int WRONG_INPUT = 2;

  /// Prints the stack trace of every failure.
  static final String TRACE_PROPERTY = "tornadomoe.trace";

  @Option(names = "--trace", hidden = true, scope = CommandLine.ScopeType.INHERIT)
  @SuppressWarnings("UnusedMethod") // picocli calls it
  private void setTrace(boolean on) {
    System.setProperty(TRACE_PROPERTY, Boolean.toString(on));
  }

  /// Runs a command and exits.
  public static void main(String[] args) {
    StandardOutput output = new StandardOutput();
    PrintWriter out = new PrintWriter(output, true, System.out.charset());
    PrintWriter err = new PrintWriter(System.err, true, System.err.charset());
    int exit = run(out, err, args);
    out.flush();
    if (output.failure() != null) {
      complain(
          err,
          String.format(Locale.ROOT, "standard output can't be written (%s)", output.failure()));
      exit = WRONG_INPUT;
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
            // "@name" is a path like any other, not a file with more arguments.
            .setExpandAtFiles(false)
            .setExecutionExceptionHandler((e, cmd, parsed) -> report(e, err));
    command.setParameterExceptionHandler((e, arguments) -> {
      if (isLaterRank(arguments)) {
        return FINE; // the first says it for all, unless its launcher ends it for another's failure
      }
      complain(err, e.getMessage());
      err.println("Try: " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
      return WRONG_INPUT;
    });
    try {
      return command.execute(args);
    } catch (OutOfMemoryError e) {
      complain(err, sentence(e, err));
      return WRONG_INPUT;
    }
  }

  private static boolean isLaterRank(String... args) {
    Launcher launcher = Launcher.ofThisProcess();
    return launcher != null
        && launcher.rank() > 0
        && Arrays.stream(args).anyMatch(argument -> argument.startsWith("--parallel"));
  }

  private static int report(Exception e, PrintWriter err) {
    complain(err, sentence(e, err));
    return e instanceof SanitizeException ? CHECK_FAILED : WRONG_INPUT;
  }

  /// What is wrong, in one sentence; with [#TRACE_PROPERTY] the stack trace goes before it.
  static String sentence(Throwable failure, PrintWriter err) {
    if (Boolean.getBoolean(TRACE_PROPERTY)) {
      failure.printStackTrace(err);
    }
    return switch (failure) {
      case MoeException e -> String.valueOf(e.getMessage());
      case OutOfMemoryError e ->
          String.format(
              Locale.ROOT,
              "memory ran out (%s); the Java heap ends at %s, MOE_JAVA_OPTS=-Xmx... moves its end",
              e.getMessage(),
              ByteSize.format(Runtime.getRuntime().maxMemory()));
      default ->
          String.format(
              Locale.ROOT, "internal error: %s; run again with --trace and report it", failure);
    };
  }

  /// Says what is wrong, in one line: names from files and arguments may hold line breaks and the
  /// terminal's control sequences, which are shown and not carried out.
  static void complain(PrintWriter err, @Nullable String message) {
    err.println("moe: " + printable(String.valueOf(message)));
  }

  /// Text from a file as one line that does nothing to a terminal.
  static String printable(String text) {
    StringBuilder line = new StringBuilder();
    text.chars()
        .forEach(c -> {
          if (Character.isISOControl(c)) {
            line.append(String.format(Locale.ROOT, "\\u%04x", c));
          } else {
            line.append((char) c);
          }
        });
    return line.toString();
  }

  /// The version of the jar.
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "moe " + (version == null ? "(built from source)" : version),
        "Java " + Runtime.version() + ", " + System.getProperty("java.vm.name")
      };
    }
  }
}
