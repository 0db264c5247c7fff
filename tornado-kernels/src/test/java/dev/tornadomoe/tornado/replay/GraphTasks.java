package dev.tornadomoe.tornado.replay;

import java.util.List;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.common.SchedulableTask;

/// The tasks of a graph, which TornadoVM's API does not show.
public final class GraphTasks {
  private GraphTasks() {}

  public static List<SchedulableTask> of(TaskGraph graph) {
    return TornadoInternals.tasks(TornadoInternals.implementation(graph));
  }
}
