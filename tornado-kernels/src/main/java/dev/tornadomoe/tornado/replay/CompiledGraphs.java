package dev.tornadomoe.tornado.replay;

import java.util.List;

/// What TornadoVM has made of an execution plan's graphs.
///
/// @param device the OpenCL device that they run on
/// @param commands what it does at each execution, but for its round trips; at least one launch
/// @param code of the first task: it says whether all of it is still there
record CompiledGraphs(long device, List<Command> commands, InstalledCode code) {

  /// Whether TornadoVM still keeps the plan's code and memory.
  @FunctionalInterface
  interface InstalledCode {
    boolean isThere();
  }

  /// Any of the kernels.
  long kernel() {
    return commands.stream()
        .filter(Command.Launch.class::isInstance)
        .mapToLong(command -> ((Command.Launch) command).kernel())
        .findFirst()
        .orElseThrow();
  }
}
