package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;
import uk.ac.manchester.tornado.api.TornadoProfilerResult;

/// Reads what TornadoVM's profiler says about one execution of a graph: JSON with the graph's name,
/// below it an object for each task that ran.
final class ProfileLog {
  private static final double NANOS_PER_MICRO = 1e3;

  /// TornadoVM writes as many for each task, and counts them.
  private static final long FRAME_BYTES = 24;

  private ProfileLog() {}

  /// The tasks that ran, in the graph's order, and what was transferred.
  static Profile of(TornadoProfilerResult result, LaunchGraph graph) {
    String log = result.getProfileLog();
    Map<?, ?> profiled;
    try {
      // TornadoVM appends each profiled execution to the log; the last one begins with the last
      // brace that has a line of its own.
      String last = log.substring(log.lastIndexOf("\n{", log.length() - 2) + 1);
      profiled = JSON.std.mapFrom(last).get(graph.name()) instanceof Map<?, ?> map ? map : Map.of();
    } catch (JacksonException e) {
      throw new BackendException("TornadoVM's profile can't be read: " + e.getMessage(), e);
    }
    List<Profile.Task> tasks = new ArrayList<>();
    for (KernelCall call : graph.calls()) {
      if (profiled.get(graph.name() + "." + call.name()) instanceof Map<?, ?> task) {
        tasks.add(
            new Profile.Task(
                call.name(), micros(task.get("TASK_KERNEL_TIME")), call.copiesOutput()));
      }
    }
    return new Profile(
        tasks,
        result.getTotalBytesCopyIn() - FRAME_BYTES * tasks.size(),
        result.getTotalBytesCopyOut());
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
