package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoExecutionResult;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Layers that run together as an execution plan: a graph for each range of token counts, all on
/// the same uploaded weights.
final class DevicePlan implements AutoCloseable {
  private final List<Launch> launches;
  private final TornadoExecutionPlan execution;
  private final ChosenDevice device;

  private DevicePlan(List<Launch> launches, TornadoExecutionPlan execution, ChosenDevice device) {
    this.launches = launches;
    this.execution = execution;
    this.device = device;
  }

  /// Compiles all kernels and uploads all weights.
  ///
  /// @param places the layers, by their places in the plan
  /// @param compiled hears of each graph that is ready
  /// @throws BackendException naming the kernel that the device can't compile
  static DevicePlan prepare(
      MoePlan plan,
      DeviceWeights weights,
      List<Integer> places,
      ChosenDevice device,
      Runnable compiled) {
    List<Launch> launches = new ArrayList<>();
    for (BucketPlan bucket : plan.buckets().subList(1, plan.buckets().size())) {
      for (int tokens : launchSizes(bucket)) {
        launches.add(Launch.of(plan, weights, places, bucket, tokens, device.limits()));
      }
    }
    return prepare(plan, weights, places, launches, device, compiled);
  }

  /// The same for launches that are made already.
  static DevicePlan prepare(
      MoePlan plan,
      DeviceWeights weights,
      List<Integer> places,
      List<Launch> launches,
      ChosenDevice device,
      Runnable compiled) {
    List<Object> uploads = new ArrayList<>();
    places.forEach(place -> uploads.addAll(weights.layers().get(place).arrays()));
    List<IntArray> maps = places.stream().map(place -> weights.layers().get(place).map()).toList();
    GridScheduler grid = new GridScheduler();
    List<ImmutableTaskGraph> graphs = new ArrayList<>();
    for (Launch launch : launches) {
      @Nullable Launch owner = graphs.isEmpty() ? null : launches.getFirst();
      graphs.add(
          DeviceFailure.named(
              launch, device, () -> launch.graph(plan, uploads, maps, owner, grid).snapshot()));
    }
    TornadoExecutionPlan execution =
        new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
    execution.withGridScheduler(grid);
    execution.withDevice(device.device());
    DevicePlan ready = new DevicePlan(List.copyOf(launches), execution, device);
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

  /// Each graph once and in order, with no tokens: a graph that takes over another one's weights
  /// must run after it the first time, and all graphs hold the same weights, so later in any order.
  private void warmUp(Runnable compiled) {
    for (int i = 0; i < launches.size(); i++) {
      Launch launch = launches.get(i);
      TornadoExecutionPlan graph = execution.withGraph(i);
      launch.call().set(0, 0);
      // Not withPreCompilation(): a plan that knows it could not be executed any more after some
      // other plan of the device was freed.
      DeviceFailure.named(launch, device, graph::execute);
      compiled.run();
    }
  }

  /// The smallest launch for so many tokens.
  Launch launch(int tokens) {
    return launches.get(index(tokens));
  }

  private int index(int tokens) {
    for (int i = 0; i < launches.size(); i++) {
      if (tokens <= launches.get(i).maxTokens()) {
        return i;
      }
    }
    throw new IllegalStateException("no launch for " + tokens + " tokens");
  }

  /// Runs the launch for so many tokens on what its arrays hold.
  void execute(int tokens) {
    int index = index(tokens);
    launches.get(index).call().set(0, tokens);
    try {
      // TornadoVM keeps the results of a plan object for ever, and this makes a new one each time.
      execution.withGraph(index).execute();
    } catch (RuntimeException | Error e) {
      throw DeviceFailure.of(launches.get(index), device, e);
    }
  }

  /// The same under TornadoVM's profiler.
  List<Profile.Task> profile(int tokens) {
    int index = index(tokens);
    launches.get(index).call().set(0, tokens);
    execution.withProfiler(ProfilerMode.SILENT);
    try {
      TornadoExecutionResult result = execution.withGraph(index).execute();
      return ProfileLog.tasks(result.getProfilerResult().getProfileLog(), launches.get(index));
    } finally {
      execution.withoutProfiler();
    }
  }

  @Override
  public void close() {
    execution.freeDeviceMemory();
  }
}
