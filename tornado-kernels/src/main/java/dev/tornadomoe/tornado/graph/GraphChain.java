package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;

/// The task graphs of an execution plan, so that all share what is on the device: the launches
/// share the weights, and the graphs of a launch hand on its rows and its workspace, which go up
/// with the first of them and come back with the last.
///
/// TornadoVM hands buffers from a graph to the one that is executed right after it, and only those
/// that this one names for that predecessor. So the first time all graphs run in the order of
/// [#links]: each gets from the one before all buffers that itself or a later one needs, whether
/// its own tasks use them or not, and keeps them. Later a graph follows the one before it in its
/// launch, or the last of any launch. For each of these it must name something too, or TornadoVM
/// looks there for all that it ever got, and fails where one is missing; what it names must be on
/// that graph already. The first launch's M is, in each graph.
public final class GraphChain {
  /// Bytes that TornadoVM has for the tasks of a graph, less a tenth for what else lies there, and
  /// the most that a task takes of them: 15, and 5 for each of at most 20 arguments.
  private static final int GRAPH_BYTES = 8192 * 9 / 10;

  private static final int TASK_BYTES = 15 + 5 * 20;

  /// Nodes that TornadoVM has for a graph: one for each different scalar, three for an array (what
  /// it is, how it comes, whether it stays), one for a task and one for each array it writes.
  private static final int GRAPH_NODES = 1024;

  private static final int SCALARS = 64;

  private static final int ARRAY_NODES = 3;

  private static final int TASK_NODES = 1 + 3;

  private final MoePlan plan;
  private final List<Launch> launches;
  private final List<Link> links = new ArrayList<>();

  /// @param mostLayers of a graph
  GraphChain(MoePlan plan, List<Launch> launches, int mostLayers) {
    this.plan = plan;
    this.launches = launches;
    int layers = launches.getFirst().layers().size();
    for (int first = 0; first < layers; first += mostLayers) {
      int end = Math.min(first + mostLayers, layers);
      for (Launch launch : launches) {
        links.add(
            new Link(
                launch,
                new LaunchGraph(
                    String.format(
                        Locale.ROOT, "layers%dto%d_%d", first, end - 1, launch.maxTokens()),
                    launch.layers().subList(first, end)),
                first == 0,
                end == layers));
      }
    }
  }

  /// Graphs with as many layers as they have room for.
  public static GraphChain of(MoePlan plan, List<Launch> launches) {
    // Any graph may have to hand on all of them, as a node that says what each is.
    int handedOn = launches.stream().mapToInt(launch -> countRows(plan, launch)).sum();
    int most = Integer.MAX_VALUE;
    for (Launch launch : launches) {
      int room = GRAPH_NODES - SCALARS - handedOn - (ARRAY_NODES - 1) * countRows(plan, launch);
      for (LaunchLayer layer : launch.layers()) {
        int tasks = layer.calls().size();
        int arrays = layer.layer().arrays().size() + layer.others();
        most = Math.min(most, GRAPH_BYTES / (tasks * TASK_BYTES));
        most = Math.min(most, room / (arrays * ARRAY_NODES + tasks * TASK_NODES));
      }
    }
    return new GraphChain(plan, launches, Math.max(1, most));
  }

  private static int countRows(MoePlan plan, Launch launch) {
    Set<Object> rows = identitySet();
    launch.layers().forEach(layer -> rows.addAll(layer.rows()));
    rows.addAll(launch.inputs(plan));
    return rows.size();
  }

  /// A launch's graph.
  ///
  /// @param isFirst of the launch
  /// @param isLast of the launch
  record Link(Launch launch, LaunchGraph graph, boolean isFirst, boolean isLast) {}

  /// The graphs' order in the execution plan: the first of each launch, the second of each, and so
  /// on.
  public List<Link> links() {
    return links;
  }

  int launches() {
    return launches.size();
  }

  /// A task graph.
  ///
  /// @param index of the link
  TaskGraph graph(int index, GridScheduler grid) {
    Link link = links.get(index);
    TaskGraph graph = new TaskGraph(link.graph().name());
    Object[] weights = link.graph().weights();
    boolean isOwner = index % launches.size() == 0;
    if (isOwner) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, weights);
    } else {
      graph.consumeFromDevice(links.get(index - 1).graph().name(), weights);
    }
    if (index > 0) {
      takeOver(index, graph);
    }
    if (link.isFirst()) {
      graph.transferToDevice(
          DataTransferMode.EVERY_EXECUTION, link.launch().inputs(plan).toArray());
    }
    graph.transferToDevice(
        DataTransferMode.FIRST_EXECUTION,
        link.graph().layers().stream().map(layer -> layer.layer().map()).toArray());
    link.graph().calls().forEach(task -> task.appendTo(graph, grid));
    graph.persistOnDevice(weights);
    graph.persistOnDevice(rows(link).toArray());
    if (link.isLast()) {
      graph.transferToHost(
          DataTransferMode.EVERY_EXECUTION, link.launch().arrays().caller(CallerRegion.OUTPUT));
    }
    return graph;
  }

  private void takeOver(int index, TaskGraph graph) {
    Object everywhere = launches.getFirst().call();
    Set<Object> handedOn = identitySet();
    handedOn.add(everywhere);
    // A launch without a graph from here on needs none of its rows, and TornadoVM searches what is
    // handed on for each argument of each execution.
    List<Link> later = links.subList(index, links.size());
    for (Link earlier : links.subList(0, index)) {
      if (later.stream().anyMatch(link -> link.launch().equals(earlier.launch()))) {
        handedOn.addAll(rows(earlier));
      }
    }
    graph.consumeFromDevice(links.get(index - 1).graph().name(), handedOn.toArray());
    for (int other = 0; other < links.size(); other++) {
      boolean mayComeBefore =
          links.get(index).isFirst() ? links.get(other).isLast() : other == index - launches.size();
      if (mayComeBefore && other != index - 1) {
        graph.consumeFromDevice(links.get(other).graph().name(), everywhere);
      }
    }
  }

  /// What a graph has on the device beside weights.
  private Set<Object> rows(Link link) {
    Set<Object> rows = link.graph().rows();
    if (link.isFirst()) {
      rows.addAll(link.launch().inputs(plan));
    }
    return rows;
  }

  private static Set<Object> identitySet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }
}
