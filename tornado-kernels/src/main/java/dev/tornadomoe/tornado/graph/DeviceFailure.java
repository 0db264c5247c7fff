package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;

/// What TornadoVM throws, as one sentence: kernel, device, cause.
public final class DeviceFailure {
  private static final int LONGEST = 300;

  private DeviceFailure() {}

  /// Does something with a graph's kernels, and where that fails finds out whose fault it is.
  public static <T> T named(LaunchGraph graph, ChosenDevice device, Supplier<T> work) {
    try {
      return work.get();
    } catch (MoeException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      for (KernelCall call : graph.calls()) {
        Throwable cause = failure(call, device);
        if (cause != null) {
          throw new BackendException(
              String.format(
                  Locale.ROOT,
                  "kernel %s can't be compiled for device %s: %s",
                  call.name(),
                  device.limits().name(),
                  text(cause)),
              e);
        }
      }
      throw of(graph, device, e);
    }
  }

  /// Why a kernel does not compile by itself, or null when it does.
  private static @Nullable Throwable failure(KernelCall call, ChosenDevice device) {
    TaskGraph graph = new TaskGraph("alone");
    GridScheduler grid = new GridScheduler();
    try {
      call.appendTo(graph, grid);
      TornadoExecutionPlan alone = new TornadoExecutionPlan(graph.snapshot());
      alone.withGridScheduler(grid);
      alone.withDevice(device.device());
      alone.withPreCompilation();
      alone.freeDeviceMemory();
      return null;
    } catch (RuntimeException | Error e) {
      return e;
    }
  }

  /// A failure of an execution as a whole.
  static BackendException of(LaunchGraph graph, ChosenDevice device, Throwable cause) {
    return of(
        String.format(
            Locale.ROOT,
            "%d tasks (%s to %s)",
            graph.calls().size(),
            graph.calls().getFirst().name(),
            graph.calls().getLast().name()),
        device,
        cause);
  }

  /// The same for whatever the device was at.
  static BackendException of(String work, ChosenDevice device, Throwable cause) {
    return new BackendException(
        String.format(
            Locale.ROOT, "device %s failed at %s: %s", device.limits().name(), work, text(cause)),
        cause);
  }

  /// The innermost message, on one line and not too long.
  public static String text(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = cause.getMessage() == null ? "" : ": " + cause.getMessage();
    String line =
        (cause.getClass().getSimpleName() + message)
            .replaceAll("\u001B\\[[0-9;]*m", "")
            .replaceAll("\\s+", " ")
            .strip();
    return line.length() > LONGEST ? line.substring(0, LONGEST) + "..." : line;
  }
}
