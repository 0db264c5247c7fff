package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// What TornadoVM has room for in one task graph. Beyond it, it fails with what does not say why:
/// `a BufferOverflowException`, or `resize not implemented yet`.
///
/// @param bytes for the code of tasks
/// @param nodes of the graph that it builds
/// @param layers at most, whatever their size
public record GraphRoom(int bytes, int nodes, int layers) {
  private static final int CODE_BYTES = 8192;
  private static final int NODES = 1024;

  /// The most that a task takes: 15 bytes, and 5 for each of at most 20 arguments.
  private static final int TASK_BYTES = 15 + 5 * 20;

  /// One for each different scalar of the tasks, and for what a graph has besides.
  private static final int SCALARS = 64;

  /// What an array is, how it comes, whether it stays.
  private static final int ARRAY_NODES = 3;

  /// A task and each array that it writes.
  private static final int TASK_NODES = 1 + 3;

  /// M, the kernels' context, and what they take beside operands.
  private static final int OTHER_ARRAYS = 2 + KernelArray.values().length;

  /// All that TornadoVM has, less a tenth of the bytes for what else lies there.
  public static final GraphRoom WHOLE =
      new GraphRoom(
          CODE_BYTES * 9 / 10, NODES - SCALARS - OTHER_ARRAYS * ARRAY_NODES, Integer.MAX_VALUE);

  /// The same room for no more than so many layers.
  public GraphRoom withLayers(int most) {
    return new GraphRoom(bytes, nodes, most);
  }

  /// Cuts a launch into graphs that surely fit, as few as there can be.
  List<List<LaunchLayer>> divide(List<LaunchLayer> all) {
    List<List<LaunchLayer>> graphs = new ArrayList<>();
    List<LaunchLayer> graph = new ArrayList<>();
    for (LaunchLayer layer : all) {
      graph.add(layer);
      if (graph.size() > 1 && !fits(graph)) {
        graph.removeLast();
        graphs.add(List.copyOf(graph));
        graph.clear();
        graph.add(layer);
      }
    }
    graphs.add(List.copyOf(graph));
    return graphs;
  }

  private boolean fits(List<LaunchLayer> graph) {
    GraphNeeds needs = GraphNeeds.NONE;
    Set<Object> rows = Collections.newSetFromMap(new IdentityHashMap<>());
    for (LaunchLayer layer : graph) {
      needs = needs.plus(needs(layer.layer(), layer.calls()));
      rows.addAll(layer.rows());
    }
    return graph.size() <= layers && has(needs.plus(ofRows(rows)));
  }

  /// What a layer's calls take beside the rows that they work on.
  public static GraphNeeds needs(DeviceLayer layer, List<KernelCall> calls) {
    List<Object> weights = layer.arrays();
    return new GraphNeeds(
        calls.size(),
        calls.size() * TASK_BYTES,
        calls.size() * TASK_NODES + weights.size() * ARRAY_NODES,
        weights.stream()
            .mapToLong(array -> ((TornadoNativeArray) array).getNumBytesOfSegmentWithHeader())
            .sum());
  }

  /// What rows take that any number of layers work on.
  public static GraphNeeds ofRows(Set<Object> rows) {
    return new GraphNeeds(0, 0, rows.size() * ARRAY_NODES, 0);
  }

  boolean has(GraphNeeds needs) {
    return needs.codeBytes() <= bytes && needs.nodes() <= nodes;
  }
}
