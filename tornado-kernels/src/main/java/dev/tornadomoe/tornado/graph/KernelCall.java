package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.text.ByteSize;
import dev.tornadomoe.tornado.device.DeviceLimits;
import java.util.Locale;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid1D;

/// One task with its worker grid, so that its name is written once.
///
/// @param kind what it does, the same for all layers
/// @param name inside its graph
/// @param items work-items in all
/// @param local work-items of a work-group, or 0 where the driver may choose
/// @param localBytes local memory of a work-group
/// @param task adds the task of this name to a graph
/// @param copiesOutput whether it copies into the caller's output
public record KernelCall(
    String kind,
    String name,
    int items,
    int local,
    int localBytes,
    Adder task,
    boolean copiesOutput) {

  /// Adds a task.
  @FunctionalInterface
  public interface Adder {
    void addTo(TaskGraph graph, String name);
  }

  /// A kernel that each work-group runs together.
  ///
  /// @param threads work-items of a group
  /// @param localFloats of its local memory
  static KernelCall ofGroups(String kind, int groups, int threads, int localFloats, Adder task) {
    return new KernelCall(
        kind, kind, Math.multiplyExact(groups, threads), threads, localFloats * 4, task, false);
  }

  /// A kernel that each work-item runs alone.
  static KernelCall ofItems(String kind, int items, Adder task) {
    return new KernelCall(kind, kind, items, 0, 0, task, false);
  }

  /// The same by another name inside its graph.
  KernelCall named(String newName) {
    return new KernelCall(kind, newName, items, local, localBytes, task, copiesOutput);
  }

  /// The same, known to copy into the caller's output.
  KernelCall copyingOutput() {
    return new KernelCall(kind, name, items, local, localBytes, task, true);
  }

  public void appendTo(TaskGraph graph, GridScheduler grid) {
    task.addTo(graph, name);
    grid.addWorkerGrid(graph.getTaskGraphName() + "." + name, workers());
  }

  /// Its work-items.
  public WorkerGrid1D workers() {
    WorkerGrid1D worker = new WorkerGrid1D(items);
    if (local > 0) {
      worker.setLocalWork(local, 1, 1);
    }
    return worker;
  }

  /// Refuses what would run with a size of the driver's choice, and wrongly.
  public void requireFits(DeviceLimits device) {
    if (local > device.workGroup()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "kernel %s needs work-groups of %d, device %s has at most %d",
              name,
              local,
              device.name(),
              device.workGroup()));
    }
    if (localBytes > device.localBytes()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "kernel %s needs %s of local memory, device %s has %s",
              name,
              ByteSize.format(localBytes),
              device.name(),
              ByteSize.format(device.localBytes())));
    }
  }
}
