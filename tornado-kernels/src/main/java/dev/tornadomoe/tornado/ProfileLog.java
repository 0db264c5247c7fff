package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/// Reads what TornadoVM's profiler says about one execution: JSON with the graph's name, below it
/// an object for each task that ran.
final class ProfileLog {
  private static final double NANOS_PER_MICRO = 1e3;

  private ProfileLog() {}

  /// The tasks that ran, in the order of the launch.
  static List<Profile.Task> tasks(String log, Launch launch) {
    Map<?, ?> graph;
    try {
      // TornadoVM appends each profiled execution to the log; the last one begins with the last
      // brace
      // that has a line of its own.
      String last = log.substring(log.lastIndexOf("\n{", log.length() - 2) + 1);
      graph = JSON.std.mapFrom(last).get(launch.name()) instanceof Map<?, ?> map ? map : Map.of();
    } catch (JacksonException e) {
      throw new BackendException("TornadoVM's profile can't be read: " + e.getMessage(), e);
    }
    List<Profile.Task> tasks = new ArrayList<>();
    for (KernelCall call : launch.calls()) {
      if (graph.get(launch.name() + "." + call.name()) instanceof Map<?, ?> task) {
        tasks.add(
            new Profile.Task(
                call.name(), micros(task.get("TASK_KERNEL_TIME")), call.copiesOutput()));
      }
    }
    return List.copyOf(tasks);
  }

  /// NaN where events carry no times (`-Dtornado.opencl.profiling.enable=false`).
  private static double micros(@Nullable Object nanos) {
    try {
      double value = Double.parseDouble(String.valueOf(nanos)) / NANOS_PER_MICRO;
      return value > 0 ? value : Double.NaN;
    } catch (NumberFormatException e) {
      return Double.NaN;
    }
  }
}
