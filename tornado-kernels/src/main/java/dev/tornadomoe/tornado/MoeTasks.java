package dev.tornadomoe.tornado;

import java.util.List;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.WorkerGrid;

/// The tasks of a layer in a graph, in order, with the worker grids that they must run with.
///
/// @param tasks in order
public record MoeTasks(List<Task> tasks) {

  /// One of them.
  ///
  /// @param name as a scheduler knows it, `graph.task`
  /// @param grid its work-items
  public record Task(String name, WorkerGrid grid) {}

  /// Adds all grids to the scheduler that the graph's plan will have.
  ///
  /// @param grid that gets a worker grid for each task
  public void schedule(GridScheduler grid) {
    tasks.forEach(task -> grid.addWorkerGrid(task.name(), task.grid()));
  }
}
