package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.SignalHandlers;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.List;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Copies two arrays on a device to and fro, with the kernel that plans copy outputs with.
public final class DeviceMemoryProbe implements MemoryProbe, AutoCloseable {
  /// Of an array: two of them are more than the caches of the largest GPUs hold, and one copy takes
  /// many times longer than its launch.
  private static final long MOST_BYTES = 256L << 20;

  /// Of the device's memory that an array may take.
  private static final int SHARE = 16;

  /// Copies in a row, so that only the first waits for the host.
  private static final int COPIES = 4;

  private final TornadoExecutionPlan execution;
  private final ChosenDevice device;
  private final long bytes;

  /// Allocates, compiles and copies once.
  ///
  /// @throws dev.tornadomoe.backend.BackendException when the device can't
  public DeviceMemoryProbe(ChosenDevice device) {
    this.device = device;
    DeviceLimits limits = device.limits();
    long most = Math.min(MOST_BYTES, limits.memoryBytes() / SHARE);
    int elements = (int) Math.min(most / Float.BYTES, limits.mostElements());
    this.bytes = 2L * COPIES * elements * Float.BYTES;
    IntArray rows = DeviceArrays.ints(1);
    rows.set(0, 1);
    List<FloatArray> pair = List.of(DeviceArrays.floats(elements), DeviceArrays.floats(elements));
    KernelContext context = DeviceArrays.context();
    GridScheduler grid = new GridScheduler();
    TaskGraph graph = new TaskGraph("memory");
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, rows, pair.get(0), pair.get(1));
    IntStream.range(0, COPIES)
        .mapToObj(i ->
            KernelCall.ofItems(
                    "copy",
                    elements,
                    (g, n) ->
                        g.task(
                            n,
                            ElementKernels::copy,
                            context,
                            rows,
                            pair.get(i % 2),
                            pair.get(1 - i % 2),
                            elements))
                .named("copy" + i))
        .forEach(call -> call.appendTo(graph, grid));
    graph.transferToHost(DataTransferMode.UNDER_DEMAND, pair.get(0));
    this.execution = new TornadoExecutionPlan(graph.snapshot());
    execution.withGridScheduler(grid);
    execution.withDevice(device.device());
    SignalHandlers.kept(this::execute);
  }

  @Override
  public long move(List<int[]> experts) {
    return execute();
  }

  private long execute() {
    try {
      execution.withGraph(0).execute();
      return bytes;
    } catch (RuntimeException | Error e) {
      throw DeviceFailure.of("copying its memory", device, e);
    }
  }

  @Override
  public void close() {
    execution.freeDeviceMemory();
  }
}
