package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.device.SignalHandlers;
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.replay.ReplayedPlan;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;

/// Layers that run together as an execution plan: a launch for each range of token counts, all on
/// the same uploaded weights.
public final class DevicePlan implements AutoCloseable {
  private static final double NANOS_PER_MICRO = 1e3;

  private final GraphChain chain;
  private final TornadoExecutionPlan execution;
  private final ChosenDevice device;
  private final ReplayedPlan replayed;

  private DevicePlan(GraphChain chain, TornadoExecutionPlan execution, ChosenDevice device) {
    this.chain = chain;
    this.execution = execution;
    this.device = device;
    this.replayed = new ReplayedPlan(execution, device.device(), ReplayMode.chosen());
  }

  /// The launches of some of a plan's layers.
  ///
  /// @param places the layers, by their indices in the plan
  public static List<Launch> launches(
      MoePlan plan, DeviceWeights weights, List<Integer> places, DeviceTuning device) {
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
  public static synchronized DevicePlan prepare(
      GraphChain chain, ChosenDevice device, Runnable compiled) {
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
  public Launch launch(int tokens) {
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
  public void execute(int tokens) {
    launch(tokens).call().set(0, tokens);
    List<Integer> graphs = graphs(tokens);
    replayed.execute(graphs, () -> executeEach(graphs));
  }

  /// The same with kernel times; without any where launches are not replayed.
  public Optional<Profile> profile(int tokens) {
    launch(tokens).call().set(0, tokens);
    List<Integer> graphs = graphs(tokens);
    return replayed
        .profile(graphs, () -> executeEach(graphs))
        .map(profile -> {
          List<KernelCall> calls =
              graphs.stream().flatMap(i -> chain.links().get(i).graph().calls().stream()).toList();
          List<Profile.Task> tasks = new ArrayList<>();
          for (int i = 0; i < calls.size(); i++) {
            double micros = profile.times().get(i).nanos() / NANOS_PER_MICRO;
            tasks.add(new Profile.Task(calls.get(i).name(), micros, calls.get(i).copiesOutput()));
          }
          return new Profile(tasks, profile.bytesUp(), profile.bytesDown());
        });
  }

  /// Why launches are not replayed; empty where they are.
  public Optional<String> refusalOfReplay() {
    return replayed.refusal();
  }

  /// The graphs of the launch for so many tokens.
  private List<Integer> graphs(int tokens) {
    int first = first(tokens);
    return IntStream.range(0, chain.links().size() / chain.launches())
        .mapToObj(i -> first + i * chain.launches())
        .toList();
  }

  private void executeEach(List<Integer> graphs) {
    for (int i : graphs) {
      try {
        // TornadoVM keeps the results of a plan object for ever, and this makes a new one each
        // time.
        execution.withGraph(i).execute();
      } catch (RuntimeException | Error e) {
        throw DeviceFailure.of(chain.links().get(i).graph(), device, e);
      }
    }
  }

  @Override
  public void close() {
    replayed.close();
    execution.freeDeviceMemory();
  }
}
