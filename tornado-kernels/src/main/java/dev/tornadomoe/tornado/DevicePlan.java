package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;

/// Layers that run together as an execution plan: a launch for each range of token counts, all on
/// the same uploaded weights.
final class DevicePlan implements AutoCloseable {
  private final List<Launch> launches;
  private final List<GraphChain.Link> links;
  private final TornadoExecutionPlan execution;
  private final ChosenDevice device;

  private DevicePlan(
      List<Launch> launches,
      List<GraphChain.Link> links,
      TornadoExecutionPlan execution,
      ChosenDevice device) {
    this.launches = launches;
    this.links = links;
    this.execution = execution;
    this.device = device;
  }

  /// Compiles all kernels and uploads all weights.
  ///
  /// @param groups the layers, by their places in the plan; each group is a graph
  /// @param compiled hears of each graph that is ready
  /// @throws BackendException naming the kernel that the device can't compile
  static DevicePlan prepare(
      MoePlan plan,
      DeviceWeights weights,
      List<List<Integer>> groups,
      ChosenDevice device,
      Runnable compiled) {
    List<Launch> launches = new ArrayList<>();
    for (BucketPlan bucket : plan.buckets().subList(1, plan.buckets().size())) {
      for (int tokens : launchSizes(bucket)) {
        launches.add(Launch.of(plan, weights, groups, bucket, tokens, device.limits()));
      }
    }
    return prepare(plan, launches, device, compiled);
  }

  /// The same for launches that are made already.
  static DevicePlan prepare(
      MoePlan plan, List<Launch> launches, ChosenDevice device, Runnable compiled) {
    GridScheduler grid = new GridScheduler();
    GraphChain chain = new GraphChain(plan, launches, grid);
    List<GraphChain.Link> links = GraphChain.order(launches);
    List<ImmutableTaskGraph> graphs = new ArrayList<>();
    for (int i = 0; i < links.size(); i++) {
      GraphChain.Link link = links.get(i);
      List<GraphChain.Link> before = links.subList(0, i);
      graphs.add(
          DeviceFailure.named(link.graph(), device, () -> chain.graph(link, before).snapshot()));
    }
    TornadoExecutionPlan execution =
        new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
    execution.withGridScheduler(grid);
    execution.withDevice(device.device());
    DevicePlan ready = new DevicePlan(List.copyOf(launches), links, execution, device);
    ready.warmUp(compiled);
    return ready;
  }

  /// A launch's grid has room for its most tokens, and its kernels are cut for as many. Where
  /// tokens are few, each launch has four times the tokens of the one before, from a single one on;
  /// where they are many, eight times.
  static List<Integer> launchSizes(BucketPlan bucket) {
    List<Integer> sizes = new ArrayList<>();
    if (bucket.minTokens() <= 1) {
      for (int size = 1; size < bucket.maxTokens(); size *= 4) {
        sizes.add(size);
      }
      sizes.add(bucket.maxTokens());
      return sizes;
    }
    for (int size = bucket.maxTokens(); size >= bucket.minTokens(); size /= 8) {
      sizes.addFirst(size);
    }
    return sizes;
  }

  /// Each graph once, in the chain's order and with no tokens.
  private void warmUp(Runnable compiled) {
    for (int i = 0; i < links.size(); i++) {
      TornadoExecutionPlan graph = execution.withGraph(i);
      links.get(i).launch().call().set(0, 0);
      // Not withPreCompilation(): a plan that knows it could not be executed any more after some
      // other plan of the device was freed.
      DeviceFailure.named(links.get(i).graph(), device, graph::execute);
      compiled.run();
    }
  }

  /// The smallest launch for so many tokens.
  Launch launch(int tokens) {
    for (Launch launch : launches) {
      if (tokens <= launch.maxTokens()) {
        return launch;
      }
    }
    throw new IllegalStateException("no launch for " + tokens + " tokens");
  }

  /// Runs the launch for so many tokens on what its arrays hold.
  void execute(int tokens) {
    run(
        tokens,
        (graph, link) -> {
          // TornadoVM keeps the results of a plan object for ever, and this makes a new one each
          // time.
          graph.execute();
        });
  }

  /// The same under TornadoVM's profiler.
  Profile profile(int tokens) {
    List<Profile> profiles = new ArrayList<>();
    execution.withProfiler(ProfilerMode.SILENT);
    try {
      run(
          tokens,
          (graph, link) ->
              profiles.add(ProfileLog.of(graph.execute().getProfilerResult(), link.graph())));
    } finally {
      execution.withoutProfiler();
    }
    return profiles.stream().reduce(Profile.NOTHING, Profile::and);
  }

  /// What is done with one graph of a launch.
  @FunctionalInterface
  private interface Execution {
    void run(TornadoExecutionPlan graph, GraphChain.Link link);
  }

  private void run(int tokens, Execution execute) {
    Launch launch = launch(tokens);
    launch.call().set(0, tokens);
    for (int i = launches.indexOf(launch); i < links.size(); i += launches.size()) {
      GraphChain.Link link = links.get(i);
      try {
        execute.run(execution.withGraph(i), link);
      } catch (RuntimeException | Error e) {
        throw DeviceFailure.of(link.graph(), device, e);
      }
    }
  }

  @Override
  public void close() {
    execution.freeDeviceMemory();
  }
}
