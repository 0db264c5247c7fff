package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.device.SignalHandlers;
import dev.tornadomoe.tornado.replay.GraphMemory;
import dev.tornadomoe.tornado.replay.HostRows;
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.replay.ReplayedPlan;
import dev.tornadomoe.tornado.replay.StagingBuffer;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;

/// A session's launches as an execution plan: the graphs of all of them, on the same memory.
public final class DevicePlan implements AutoCloseable {
  private static final double NANOS_PER_MICRO = 1e3;

  private final List<LaunchGraph> graphs;
  private final TornadoExecutionPlan execution;
  private final GraphMemory memory;
  private final ChosenDevice device;
  private final ReplayedPlan replayed;
  private final IdentityHashMap<Launch, List<Integer>> indices = new IdentityHashMap<>();

  private DevicePlan(
      List<LaunchGraph> graphs, TornadoExecutionPlan execution, ChosenDevice device) {
    this.graphs = graphs;
    this.execution = execution;
    this.memory = GraphMemory.of(execution);
    this.device = device;
    this.replayed = new ReplayedPlan(execution, device.device(), ReplayMode.chosen());
    for (int i = 0; i < graphs.size(); i++) {
      indices.computeIfAbsent(graphs.get(i).launch(), launch -> new ArrayList<>()).add(i);
    }
  }

  /// The graphs of launches, in order.
  public static List<LaunchGraph> graphs(List<Launch> launches, GraphRoom room) {
    return launches.stream().flatMap(launch -> LaunchGraph.of(launch, room).stream()).toList();
  }

  /// Compiles all kernels and uploads all weights, for one thread at a time: where two build at
  /// once, PoCL 3.1 sometimes misses its own temporary file.
  ///
  /// @param compiled hears of each graph that is ready
  /// @throws BackendException naming the kernel that the device can't compile
  public static synchronized DevicePlan prepare(
      MoePlan plan, List<LaunchGraph> graphs, ChosenDevice device, Runnable compiled) {
    GridScheduler grid = new GridScheduler();
    List<ImmutableTaskGraph> snapshots = new ArrayList<>();
    for (LaunchGraph graph : graphs) {
      snapshots.add(
          DeviceFailure.named(graph, device, () -> graph.taskGraph(plan, grid).snapshot()));
    }
    TornadoExecutionPlan execution =
        new TornadoExecutionPlan(snapshots.toArray(ImmutableTaskGraph[]::new));
    execution.withGridScheduler(grid);
    execution.withDevice(device.device());
    DevicePlan ready = new DevicePlan(graphs, execution, device);
    try {
      ready.warmUp(compiled);
    } catch (RuntimeException | Error e) {
      ready.close();
      throw e;
    }
    return ready;
  }

  /// Each graph once, with no tokens.
  private void warmUp(Runnable compiled) {
    for (int i = 0; i < graphs.size(); i++) {
      memory.share(i);
      LaunchGraph graph = graphs.get(i);
      graph.launch().setTokens(0);
      TornadoExecutionPlan selected = execution.withGraph(i);
      // Not withPreCompilation(): a plan that knows it could not be executed any more after some
      // other plan of the device was freed.
      SignalHandlers.kept(() -> DeviceFailure.named(graph, device, selected::execute));
      compiled.run();
    }
  }

  /// Runs a launch on what its arrays hold.
  ///
  /// @param tokens of this execution
  public void execute(Launch launch, int tokens) {
    launch.setTokens(tokens);
    List<Integer> order = order(launch);
    replayed.execute(order, () -> executeEach(order));
  }

  /// Whether [#execute(Launch, int, List)] may be called.
  public boolean isReplayed(Launch launch) {
    return replayed.isReplayed(order(launch));
  }

  /// Runs a launch on rows that need not lie in its arrays.
  ///
  /// @param tokens of this execution
  /// @param rows of the caller's regions
  public void execute(Launch launch, int tokens, List<HostRows> rows) {
    launch.setTokens(tokens);
    replayed.replay(order(launch), rows);
  }

  /// Brings elements of arrays up before a launch that is given none of them.
  ///
  /// @param launch that is replayed
  /// @param elements the first ones of arrays, in ordinary memory
  /// @param staging what they go through
  public void upload(Launch launch, List<HostRows> elements, StagingBuffer staging) {
    replayed.upload(order(launch), elements, staging);
  }

  /// The same as the first with kernel times; without any where launches are not replayed.
  public Optional<Profile> profile(Launch launch, int tokens) {
    launch.setTokens(tokens);
    List<Integer> order = order(launch);
    return replayed
        .profile(order, () -> executeEach(order))
        .map(profile -> {
          List<Profile.Task> tasks = new ArrayList<>();
          for (int graph : order) {
            for (LaunchLayer layer : graphs.get(graph).layers()) {
              for (KernelCall call : layer.calls()) {
                double micros = profile.times().get(tasks.size()).nanos() / NANOS_PER_MICRO;
                tasks.add(
                    new Profile.Task(layer.index(), call.kind(), micros, call.copiesOutput()));
              }
            }
          }
          return new Profile(tasks, profile.bytesUp(), profile.bytesDown());
        });
  }

  /// Why launches are not replayed; empty where they are.
  public Optional<String> refusalOfReplay() {
    return replayed.refusal();
  }

  /// The graphs of a launch, by their indices in the execution plan.
  private List<Integer> order(Launch launch) {
    List<Integer> order = indices.get(launch);
    if (order == null) {
      throw new IllegalArgumentException("a launch of another plan");
    }
    return order;
  }

  private void executeEach(List<Integer> order) {
    for (int i : order) {
      try {
        // TornadoVM keeps the results of a plan object for ever, and this makes a new one each
        // time.
        execution.withGraph(i).execute();
      } catch (RuntimeException | Error e) {
        throw DeviceFailure.of(graphs.get(i), device, e);
      }
    }
  }

  @Override
  public void close() {
    replayed.close();
    memory.close();
  }
}
