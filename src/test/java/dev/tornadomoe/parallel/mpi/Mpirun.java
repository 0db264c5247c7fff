package dev.tornadomoe.parallel.mpi;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// An `mpirun` that is installed, and what [RankProgram] does under it.
///
/// @param command with the options that a test needs: root may run it, on fewer cores than ranks
record Mpirun(List<String> command) {
  private static final long LIMIT_SECONDS = 120;

  /// @param exit of `mpirun`
  /// @param output of all ranks and of `mpirun` itself
  record Ended(int exit, String output) {}

  /// Finds one.
  ///
  /// @param name `mpirun` has where there are several
  /// @param version what it says of itself
  static @Nullable Mpirun find(String name, String version, String... options)
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

  /// Starts ranks.
  ///
  /// @param seconds how long they wait for each other
  Running start(int ranks, String mode, int seconds, String... javaOptions) throws IOException {
    List<String> line = new ArrayList<>(command);
    line.addAll(List.of("-n", Integer.toString(ranks)));
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-Xmx256m", "-XX:+UseSerialGC"));
    line.addAll(List.of(javaOptions));
    line.addAll(List.of("-cp", System.getProperty("java.class.path")));
    line.addAll(List.of(RankProgram.class.getName(), mode, Integer.toString(seconds)));
    return new Running(line);
  }

  /// Starts `moe` as ranks.
  ///
  /// @param ofRanks what each rank is told
  @SafeVarargs
  final Running startMoe(List<String>... ofRanks) throws IOException {
    List<String> line = new ArrayList<>(command);
    for (int rank = 0; rank < ofRanks.length; rank++) {
      if (rank > 0) {
        line.add(":");
      }
      line.addAll(List.of("-n", "1"));
      line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      line.addAll(
          List.of(
              "--enable-native-access=ALL-UNNAMED",
              "-Xmx256m",
              "-XX:+UseSerialGC",
              // Scalar kernels need no warming up, and no incubator module with its warning.
              "-cp",
              System.getProperty("java.class.path"),
              "dev.tornadomoe.cli.Main"));
      line.addAll(ofRanks[rank]);
    }
    return new Running(line);
  }

  /// A started program.
  static final class Running {
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
    String soFar() throws IOException {
      return Files.readString(output, StandardCharsets.UTF_8);
    }

    /// Its ranks, in no order.
    List<ProcessHandle> ranks() {
      return process
          .descendants()
          .filter(child -> child.info().command().orElse("").endsWith("java"))
          .toList();
    }

    /// Waits until it ends, by itself.
    Ended end() throws IOException, InterruptedException {
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
