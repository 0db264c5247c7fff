package dev.tornadomoe.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A program in its own JVM: what a process can't change of itself, such as its locale.
///
/// @param exit its exit code
/// @param text what it wrote, stdout and stderr
record JavaRun(int exit, String text) {

  /// A JVM with options, which runs the same classes as this one.
  static Starter of(String... options) {
    return new Starter(List.of(options), Map.of());
  }

  /// What it is started with.
  record Starter(List<String> options, Map<String, String> environment) {

    Starter with(Map<String, String> variables) {
      return new Starter(options, variables);
    }

    JavaRun moe(String... arguments) throws IOException, InterruptedException {
      return run(Main.class, arguments);
    }

    JavaRun run(Class<?> program, String... arguments) throws IOException, InterruptedException {
      Process process = start(program, arguments);
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new JavaRun(process.waitFor(), text);
    }

    /// The process, which is the caller's to end; stderr goes where stdout does.
    Process start(Class<?> program, String... arguments) throws IOException {
      List<String> line = new ArrayList<>();
      line.add(ProcessHandle.current().info().command().orElseThrow());
      line.add("--enable-native-access=ALL-UNNAMED");
      line.add("-XX:TieredStopAtLevel=1"); // short runs: no time for the better compiler
      line.addAll(options);
      line.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
      line.addAll(List.of(arguments));
      ProcessBuilder builder = new ProcessBuilder(line).redirectErrorStream(true);
      builder.environment().putAll(environment);
      return builder.start();
    }
  }
}
