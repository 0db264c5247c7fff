package dev.tornadomoe.cli;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/// The `moe` command in another JVM that was started as this one was, but for some more options:
/// there are settings that a library reads once.
final class OtherJvm {
  private OtherJvm() {}

  /// @param options for the JVM, after this one's
  /// @param arguments of the command
  static ProcessBuilder of(List<String> options, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(arguments);
    return new ProcessBuilder(command);
  }
}
