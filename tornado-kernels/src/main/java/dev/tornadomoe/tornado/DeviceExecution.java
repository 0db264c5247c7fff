package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.cpu.HostThreads;
import dev.tornadomoe.backend.host.Chunk;
import dev.tornadomoe.backend.host.Execution;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.CallerRows;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.graph.DeviceMemoryProbe;
import dev.tornadomoe.tornado.graph.DevicePlan;
import dev.tornadomoe.tornado.graph.GraphRoom;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchGraph;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.replay.HostRows;
import dev.tornadomoe.tornado.replay.PinnedMemory;
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.replay.StagingBuffer;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.TuningKey;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import dev.tornadomoe.tornado.weights.StreamedWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A plan on one device: launches of each layer, or of all of them together where a call is a whole
/// step.
final class DeviceExecution implements Execution {
  /// What part of their blocks tokens fill that are worth a launch of their own.
  private static final int WORTHWHILE_PART = 3;

  private final MoePlan plan;

  /// What goes up for a call of each layer, and what comes back, by the layer's index in the plan.
  private final List<List<RegionTransfer>> reads;

  private final List<List<RegionTransfer>> results;
  private final ChosenDevice device;
  private final DeviceBudget room;
  private final PinnedMemory rows;

  /// What weights that go up with each call go through, where there are any.
  private final @Nullable StagingBuffer staging;

  /// For each layer with a window whose weights lie there, by index; -1 where nobody knows.
  private final int[] held;

  /// By the layer's index in the plan; layers of one window have the same.
  private final List<List<Launch>> launches;

  private final DeviceWeights weights;
  private final DevicePlan devicePlan;
  private final int[] worthwhileTokens;
  private @Nullable DeviceMemoryProbe memoryProbe;

  /// Uploads and compiles. The weights' host memory is not read afterwards.
  ///
  /// @param room on the device, given back when this is closed
  /// @param threads that copy weights that go up with each call
  DeviceExecution(
      MoePlan plan,
      ChosenDevice device,
      DeviceWeights weights,
      DeviceBudget room,
      HostThreads threads,
      Progress progress) {
    this.plan = plan;
    this.reads = transfers(plan, plan::regionsRead);
    this.results = transfers(plan, plan::results);
    this.device = device;
    this.weights = weights;
    this.room = room;
    this.worthwhileTokens =
        weights.layers().stream()
            .mapToInt(layer -> worthwhileTokens(plan, layer, device.tuning()))
            .toArray();
    this.held = new int[plan.layers().size()];
    Arrays.fill(held, -1);
    this.rows = new PinnedMemory(device.device(), ReplayMode.chosen());
    this.staging =
        OnFailure.close(
            rows::close,
            () ->
                StagingBuffer.of(
                    device.device(), weights.streamed().largestBytes(), rows, threads));
    try {
      List<List<Integer>> groups = groups(plan, weights.streamed());
      List<List<Launch>> ofGroups = Launch.all(plan, weights, groups, device.tuning(), rows);
      this.launches = ofLayers(plan, weights.streamed(), groups, ofGroups);
      List<LaunchGraph> graphs =
          DevicePlan.graphs(ofGroups.stream().flatMap(List::stream).toList(), GraphRoom.WHOLE);
      int[] ready = {0};
      progress.compiled(0, graphs.size());
      this.devicePlan =
          DevicePlan.prepare(
              plan, graphs, device, () -> progress.compiled(++ready[0], graphs.size()));
    } catch (RuntimeException | Error e) {
      try (rows;
          staging) {
        throw e;
      }
    }
  }

  /// The layers that run together, by their indices: each by itself but those of a whole step, and
  /// of those that share a window the one that it is made for.
  private static List<List<Integer>> groups(MoePlan plan, StreamedWeights streamed) {
    List<Integer> all = IntStream.range(0, plan.layers().size()).boxed().toList();
    return isOneStep(plan)
        ? List.of(all)
        : all.stream().filter(index -> streamed.window(index) == index).map(List::of).toList();
  }

  private static List<List<Launch>> ofLayers(
      MoePlan plan,
      StreamedWeights streamed,
      List<List<Integer>> groups,
      List<List<Launch>> ofGroups) {
    return isOneStep(plan)
        ? ofGroups
        : IntStream.range(0, plan.layers().size())
            .mapToObj(index -> ofGroups.get(groups.indexOf(List.of(streamed.window(index)))))
            .toList();
  }

  /// A sanitised step looks at the output after each layer.
  private static boolean isOneStep(MoePlan plan) {
    return plan.options().call().wholeStep() && !plan.options().sanitize();
  }

  @Override
  public void run(Chunk chunk) {
    run(
        chunk,
        (index, launch) -> {
          if (!runInPlace(chunk, index, launch)) {
            copied(chunk, index, launch, each -> devicePlan.execute(each, chunk.tokens()));
          }
        });
  }

  @Override
  public boolean isCompiledAhead() {
    return true;
  }

  @Override
  public Optional<Profile> profile(Chunk chunk) {
    List<Profile> profiles = new ArrayList<>();
    run(
        chunk,
        (index, launch) ->
            copied(
                chunk,
                index,
                launch,
                each -> devicePlan.profile(each, chunk.tokens()).ifPresent(profiles::add)));
    return profiles.stream().reduce(Profile::and);
  }

  @Override
  public Optional<String> launches() {
    return Optional.of(TornadoBackend.launches(devicePlan.refusalOfReplay()));
  }

  /// A replay has one queue and waits for its end, so threads may follow one another. TornadoVM
  /// keeps a command queue for each thread that executes a plan, until the plan is freed.
  @Override
  public boolean isBoundToThread() {
    return devicePlan.refusalOfReplay().isPresent();
  }

  /// What runs a launch of the layer with an index.
  @FunctionalInterface
  private interface LaunchRun {
    void run(int index, Launch launch);
  }

  private void run(Chunk chunk, LaunchRun run) {
    if (chunk.tokens() == 0) {
      return; // no rows of others come in here
    }
    int last = isOneStep(plan) ? 0 : chunk.lastLayer();
    for (int index = chunk.firstLayer(); index <= last; index++) {
      chunk.checkInterrupt();
      Launch launch = Launch.smallest(launches.get(index), chunk.tokens());
      run.run(index, launch);
      chunk.count(launch.tasks(), launch.outputCopies());
    }
  }

  /// With rows that the device reads and writes where they are, if all of a call's are.
  private boolean runInPlace(Chunk chunk, int index, Launch launch) {
    if (!devicePlan.isReplayed(launch)) {
      return false;
    }
    List<HostRows> lying = new ArrayList<>();
    if (!addLying(reads.get(index), chunk, launch, lying)
        || !addLying(results.get(index), chunk, launch, lying)) {
      return false;
    }
    lying.addAll(broughtUp(index, launch));
    devicePlan.execute(launch, chunk.tokens(), lying);
    return true;
  }

  /// What is left to go up with a launch of weights that do with each call.
  private List<HostRows> broughtUp(int index, Launch launch) {
    List<StreamedWeights.Elements> elements = elements(index);
    if (staging == null || elements.isEmpty()) {
      return elements.stream().map(DeviceExecution::rows).toList();
    }
    bringUp(index, launch, elements, staging);
    return elements.stream().map(each -> HostRows.none(each.array())).toList();
  }

  private static HostRows rows(StreamedWeights.Elements elements) {
    return new HostRows(elements.array(), elements.own());
  }

  /// Only replays find weights that were not theirs to bring up.
  @Override
  public void bringUp(int layerIndex, int tokens) {
    List<StreamedWeights.Elements> elements = elements(layerIndex);
    int first = Math.min(tokens, plan.options().chunkTokens());
    Launch launch = Launch.smallest(launches.get(layerIndex), first);
    if (staging != null && !elements.isEmpty() && devicePlan.isReplayed(launch)) {
      bringUp(layerIndex, launch, elements, staging);
    }
  }

  private void bringUp(
      int index, Launch launch, List<StreamedWeights.Elements> elements, StagingBuffer through) {
    int window = weights.streamed().window(index);
    if (held[window] != index) {
      held[window] = -1;
      devicePlan.upload(launch, elements.stream().map(DeviceExecution::rows).toList(), through);
      held[window] = index;
    }
  }

  /// Ends with the first that lies elsewhere: in most sessions that is the first of all.
  private boolean addLying(
      List<RegionTransfer> transfers, Chunk chunk, Launch launch, List<HostRows> lying) {
    for (RegionTransfer transfer : transfers) {
      Optional<HostRows> found = transfer.lying(chunk.call(), launch.arrays(), chunk, rows);
      if (found.isEmpty()) {
        return false;
      }
      lying.add(found.get());
    }
    return true;
  }

  private void copied(Chunk chunk, int index, Launch launch, Consumer<Launch> run) {
    MoeCall call = chunk.call();
    LayerArrays arrays = launch.arrays();
    for (RegionTransfer transfer : reads.get(index)) {
      transfer.in(call, arrays, chunk);
    }
    held[weights.streamed().window(index)] = -1;
    elements(index).forEach(StreamedWeights.Elements::copy);
    run.accept(launch);
    for (RegionTransfer transfer : results.get(index)) {
      transfer.out(call, arrays, chunk);
    }
  }

  /// What goes up of a layer's weights with each call.
  private List<StreamedWeights.Elements> elements(int index) {
    return weights.streamed().elements(index, weights.layers().get(index));
  }

  /// @param regions of a layer, by its index in the plan
  private static List<List<RegionTransfer>> transfers(
      MoePlan plan, IntFunction<Set<CallerRegion>> regions) {
    CallSpec spec = plan.options().call();
    return IntStream.range(0, plan.layers().size())
        .mapToObj(index ->
            regions.apply(index).stream()
                .map(region ->
                    new RegionTransfer(CallerRows.of(spec, region, plan.layers().get(index))))
                .toList())
        .toList();
  }

  /// Replays read and write it where it is; other launches are TornadoVM's, which knows its own
  /// arrays alone.
  @Override
  public Optional<MemorySegment> rowMemory(long bytes) {
    return Optional.of(rows.allocate(bytes, 64));
  }

  /// As many as fill a third of a block of each expert's on average in the largest launch. A block
  /// costs nearly as much however full it is: weights are read and decoded for all of it. Less than
  /// that, and a call costs more than what can take place beside it saves.
  @Override
  public int worthwhileTokens(int layerIndex) {
    return worthwhileTokens[layerIndex];
  }

  private static int worthwhileTokens(MoePlan plan, DeviceLayer layer, DeviceTuning device) {
    TuningKey key = TuningKey.of(layer, 0, device.limits().shape());
    int block = device.tuning(key, plan.options().chunkTokens()).tokens();
    return Math.ceilDiv(block * key.experts(), WORTHWHILE_PART * key.topK());
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return Optional.of(experts -> {
      if (memoryProbe == null) {
        memoryProbe = new DeviceMemoryProbe(device);
      }
      return memoryProbe.move(experts);
    });
  }

  @Override
  public void close() {
    // Whatever the driver says about the plan, what it used is given back.
    DeviceMemoryProbe probe = memoryProbe;
    try (room;
        rows;
        staging;
        probe) {
      devicePlan.close();
    }
  }
}
