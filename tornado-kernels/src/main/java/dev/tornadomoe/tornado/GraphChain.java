package dev.tornadomoe.tornado;

import dev.tornadomoe.plan.MoePlan;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
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
/// [#order]: each gets all buffers that others have allocated from the one before, whether its
/// tasks use them or not, and keeps them. Later a graph follows the one before it in its launch, or
/// the last of any launch. For each of these it must name something too, or TornadoVM looks there
/// for all that it ever got, and fails where one is missing; what it names must be on that graph
/// already. The first launch's M is, in each graph.
final class GraphChain {
  private final MoePlan plan;
  private final List<Launch> launches;
  private final GridScheduler grid;

  GraphChain(MoePlan plan, List<Launch> launches, GridScheduler grid) {
    this.plan = plan;
    this.launches = launches;
    this.grid = grid;
  }

  /// A launch's graph.
  record Link(Launch launch, int part) {
    LaunchGraph graph() {
      return launch.graphs().get(part);
    }

    boolean isFirst() {
      return part == 0;
    }

    boolean isLast() {
      return part == launch.graphs().size() - 1;
    }
  }

  /// The graphs' order in the execution plan.
  static List<Link> order(List<Launch> launches) {
    List<Link> links = new ArrayList<>();
    for (int part = 0; part < launches.getFirst().graphs().size(); part++) {
      for (Launch launch : launches) {
        links.add(new Link(launch, part));
      }
    }
    return links;
  }

  /// The graph of a link.
  ///
  /// @param before the links that come before it, in order
  TaskGraph graph(Link link, List<Link> before) {
    TaskGraph graph = new TaskGraph(link.graph().name());
    List<Object> inputs = link.launch().inputs(plan);
    Object[] weights =
        link.graph().layers().stream().flatMap(layer -> layer.arrays().stream()).toArray();
    Set<Object> handedOn = identitySet();
    for (Link earlier : before) {
      handedOn.addAll(rows(earlier));
    }
    if (before.isEmpty() || before.getLast().part() != link.part()) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, weights);
    } else {
      graph.consumeFromDevice(before.getLast().graph().name(), weights);
    }
    if (!before.isEmpty()) {
      graph.consumeFromDevice(before.getLast().graph().name(), handedOn.toArray());
      Object everywhere = launches.getFirst().call();
      for (Launch launch : launches) {
        for (Link other : order(List.of(launch))) {
          if (!other.equals(before.getLast()) && mayFollow(link, other)) {
            graph.consumeFromDevice(other.graph().name(), everywhere);
          }
        }
      }
    }
    if (link.isFirst()) {
      graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, inputs.toArray());
    }
    graph.transferToDevice(
        DataTransferMode.FIRST_EXECUTION,
        link.graph().layers().stream().map(DeviceLayer::map).toArray());
    link.graph().calls().forEach(task -> task.appendTo(graph, grid));
    graph.persistOnDevice(weights);
    graph.persistOnDevice(rows(link).toArray());
    if (link.isLast()) {
      graph.transferToHost(
          DataTransferMode.EVERY_EXECUTION, link.launch().arrays().caller("output"));
    }
    return graph;
  }

  private static boolean mayFollow(Link link, Link other) {
    return link.isFirst()
        ? other.isLast()
        : other.launch().equals(link.launch()) && other.part() == link.part() - 1;
  }

  /// What a graph has on the device beside weights.
  private Set<Object> rows(Link link) {
    Set<Object> rows = identitySet();
    rows.addAll(link.graph().arrays());
    if (link.isFirst()) {
      rows.addAll(link.launch().inputs(plan));
    }
    return rows;
  }

  private static Set<Object> identitySet() {
    return Collections.newSetFromMap(new IdentityHashMap<>());
  }
}
