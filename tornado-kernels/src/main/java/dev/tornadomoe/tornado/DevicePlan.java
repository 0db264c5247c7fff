package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
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
  private final GraphChain chain;
  private final TornadoExecutionPlan execution;
  private final ChosenDevice device;

  private DevicePlan(GraphChain chain, TornadoExecutionPlan execution, ChosenDevice device) {
    this.chain = chain;
    this.execution = execution;
    this.device = device;
  }

  /// The launches of some of a plan's layers.
  ///
  /// @param places the layers, by their places in the plan
  static List<Launch> launches(
      MoePlan plan, DeviceWeights weights, List<Integer> places, DeviceLimits device) {
    List<Launch> launches = new ArrayList<>();
    for (Launch.Size size : Launch.sizes(plan)) {
      launches.add(Launch.of(plan, weights, places, size.bucket(), size.maxTokens(), device));
    }
    return launches;
  }

  /// Compiles all kernels and uploads all weights, for one thread at a time: where two build at
  /// once, PoCL 3.1 sometimes misses a temporary file of its own.
  ///
  /// @param compiled hears of each graph that is ready
  /// @throws BackendException naming the kernel that the device can't compile
  static synchronized DevicePlan prepare(GraphChain chain, ChosenDevice device, Runnable compiled) {
    GridScheduler grid = new GridScheduler();
    List<ImmutableTaskGraph> graphs = new ArrayList<>();
    for (int i = 0; i < chain.links().size(); i++) {
      int index = i;
      graphs.add(
          DeviceFailure.named(
              chain.links().get(i).graph(), device, () -> chain.graph(index, grid).snapshot()));
    }
    TornadoExecutionPlan execution =
        new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
    execution.withGridScheduler(grid);
    execution.withDevice(device.device());
    DevicePlan ready = new DevicePlan(chain, execution, device);
    ready.warmUp(compiled);
    return ready;
  }

  /// Each graph once, in the chain's order and with no tokens.
  private void warmUp(Runnable compiled) {
    for (int i = 0; i < chain.links().size(); i++) {
      GraphChain.Link link = chain.links().get(i);
      TornadoExecutionPlan graph = execution.withGraph(i);
      link.launch().call().set(0, 0);
      // Not withPreCompilation(): a plan that knows it could not be executed any more after some
      // other plan of the device was freed.
      SignalHandlers.kept(() -> DeviceFailure.named(link.graph(), device, graph::execute));
      compiled.run();
    }
  }

  /// The smallest launch for so many tokens.
  Launch launch(int tokens) {
    return chain.links().get(first(tokens)).launch();
  }

  /// The first graph of that launch.
  private int first(int tokens) {
    for (int i = 0; i < chain.launches(); i++) {
      if (tokens <= chain.links().get(i).launch().maxTokens()) {
        return i;
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
    launch(tokens).call().set(0, tokens);
    for (int i = first(tokens); i < chain.links().size(); i += chain.launches()) {
      GraphChain.Link link = chain.links().get(i);
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
