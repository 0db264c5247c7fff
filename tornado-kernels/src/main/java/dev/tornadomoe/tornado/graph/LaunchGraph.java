package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.weights.StreamedExperts;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;

/// As many layers of a launch as one task graph has room for. The launch's rows go up with its
/// first graph and come back with its last; in between they stay where they are.
///
/// @param launch whose
/// @param layers in order
/// @param isFirst of the launch
/// @param isLast of the launch
@SuppressWarnings("ReferenceEquality") // an array is a buffer
public record LaunchGraph(
    Launch launch, List<LaunchLayer> layers, boolean isFirst, boolean isLast) {

  /// The graphs of a launch, in order.
  static List<LaunchGraph> of(Launch launch, GraphRoom room) {
    List<List<LaunchLayer>> parts = room.divide(launch.layers());
    List<LaunchGraph> graphs = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      graphs.add(new LaunchGraph(launch, parts.get(i), i == 0, i == parts.size() - 1));
    }
    return graphs;
  }

  private String name() {
    return String.format(
        Locale.ROOT,
        "layers%dto%d_%d",
        layers.getFirst().index(),
        layers.getLast().index(),
        launch.maxTokens());
  }

  /// The calls of all layers, in order.
  List<KernelCall> calls() {
    return layers.stream().flatMap(layer -> layer.calls().stream()).toList();
  }

  /// A task graph that works on all of these arrays by itself.
  TaskGraph taskGraph(MoePlan plan, GridScheduler grid) {
    TaskGraph graph = new TaskGraph(name());
    for (LaunchLayer layer : layers) {
      addWeights(graph, layer, StreamedExperts.of(plan, layer.index()).isPresent());
    }
    if (isFirst) {
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, launch.inputs(plan).toArray());
    }
    calls().forEach(call -> call.appendTo(graph, grid));
    if (isLast) {
      graph.transferToHost(DataTransferMode.EVERY_EXECUTION, launch.results(plan).toArray());
    }
    return graph;
  }

  /// @param isStreamed whether the experts' go up with each execution
  private static void addWeights(TaskGraph graph, LaunchLayer layer, boolean isStreamed) {
    List<Object> each = isStreamed ? layer.layer().expertArrays() : List.of();
    graph.transferToDevice(
        DataTransferMode.FIRST_EXECUTION,
        layer.layer().arrays().stream()
            .filter(array -> each.stream().noneMatch(other -> other == array))
            .toArray());
    if (isStreamed) {
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, each.toArray());
    }
  }
}
