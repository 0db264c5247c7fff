package dev.tornadomoe.parallel.mpi;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// An `mpirun` that is installed. Its ranks are JVMs with the class path of this one.
///
/// @param command with the options that a test needs: root may run it, on fewer cores than ranks
public record Mpirun(List<String> command) {
  private static final long LIMIT_SECONDS = 120;

  /// @param exit of `mpirun`
  /// @param output of all ranks and of `mpirun` itself
  public record Ended(int exit, String output) {}

  /// Open MPI's, if it is there.
  public static @Nullable Mpirun openMpi() throws IOException, InterruptedException {
    return find(
        "mpirun.openmpi",
        "Open MPI",
        "--allow-run-as-root",
        "--oversubscribe",
        "--bind-to",
        "none");
  }

  /// MPICH's, if it is there.
  public static @Nullable Mpirun mpich() throws IOException, InterruptedException {
    return find("mpirun.mpich", "HYDRA");
  }

  /// Finds one.
  ///
  /// @param name `mpirun` has where there are several
  /// @param version what it says of itself
  private static @Nullable Mpirun find(String name, String version, String... options)
      throws IOException, InterruptedException {
    for (String program : new String[] {name, "mpirun"}) {
      String said;
      try {
        said = new Running(List.of(program, "--version")).end().output();
      } catch (IOException e) {
        continue; // no such program
      }
      if (said.contains(version)) {
        List<String> command = new ArrayList<>(List.of(program));
        command.addAll(List.of(options));
        return new Mpirun(command);
      }
    }
    return null;
  }

  /// Starts ranks that all do the same.
  ///
  /// @param arguments of `java`: options, the main class, what that is told
  public Running start(int ranks, List<String> arguments) throws IOException {
    List<String> line = new ArrayList<>(command);
    addRanks(line, ranks, arguments);
    return new Running(line);
  }

  /// Starts one rank for each list of arguments of `java`.
  @SafeVarargs
  public final Running startEach(List<String>... ofRanks) throws IOException {
    List<String> line = new ArrayList<>(command);
    for (int rank = 0; rank < ofRanks.length; rank++) {
      if (rank > 0) {
        line.add(":");
      }
      addRanks(line, 1, ofRanks[rank]);
    }
    return new Running(line);
  }

  /// Scalar kernels need no warming up, and no incubator module with its warning.
  private static void addRanks(List<String> line, int ranks, List<String> arguments) {
    line.addAll(List.of("-n", Integer.toString(ranks)));
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-Xmx256m", "-XX:+UseSerialGC"));
    line.addAll(List.of("-cp", System.getProperty("java.class.path")));
    line.addAll(arguments);
  }

  /// A started program.
  public static final class Running {
    private final Path output = Files.createTempFile("mpirun", ".txt");
    private final Process process;

    Running(List<String> line) throws IOException {
      output
          .toFile()
          .deleteOnExit(); // there may be no such program, or a test may fail before it ends
      process =
          new ProcessBuilder(line)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
    }

    /// What it has said so far.
    public String soFar() throws IOException {
      return Files.readString(output, StandardCharsets.UTF_8);
    }

    /// Its ranks, in no order.
    public List<ProcessHandle> ranks() {
      return process
          .descendants()
          .filter(child -> child.info().command().orElse("").endsWith("java"))
          .toList();
    }

    /// Waits until it ends, by itself.
    public Ended end() throws IOException, InterruptedException {
      boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (!ended) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
      }
      String text = Files.readString(output, StandardCharsets.UTF_8);
      Files.delete(output);
      if (!ended) {
        throw new AssertionError("has not ended in " + LIMIT_SECONDS + " s; it said: " + text);
      }
      return new Ended(process.exitValue(), text);
    }
  }
}
