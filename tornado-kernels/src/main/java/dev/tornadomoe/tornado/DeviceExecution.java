package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.Chunk;
import dev.tornadomoe.backend.host.Execution;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.device.RowTransfer;
import dev.tornadomoe.tornado.graph.DeviceMemoryProbe;
import dev.tornadomoe.tornado.graph.DevicePlan;
import dev.tornadomoe.tornado.graph.GraphChain;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A plan on one device: an execution plan for each layer, or one for all of them where a call is a
/// whole step.
final class DeviceExecution implements Execution {
  private final MoePlan plan;
  private final CallSpec spec;
  private final ChosenDevice device;
  private final DeviceBudget room;
  private final List<DevicePlan> devicePlans = new ArrayList<>();
  private @Nullable DeviceMemoryProbe memoryProbe;

  /// Uploads and compiles. The weights' host memory is not read afterwards.
  ///
  /// @param room on the device, given back when this is closed
  DeviceExecution(
      MoePlan plan,
      ChosenDevice device,
      DeviceWeights weights,
      DeviceBudget room,
      Progress progress) {
    this.plan = plan;
    this.spec = plan.options().call();
    this.device = device;
    this.room = room;
    List<GraphChain> chains =
        places(plan).stream()
            .map(layers ->
                GraphChain.of(plan, DevicePlan.launches(plan, weights, layers, device.tuning())))
            .toList();
    int graphs = chains.stream().mapToInt(chain -> chain.links().size()).sum();
    int[] ready = {0};
    progress.compiled(0, graphs);
    try {
      for (GraphChain chain : chains) {
        devicePlans.add(
            DevicePlan.prepare(chain, device, () -> progress.compiled(++ready[0], graphs)));
      }
    } catch (RuntimeException | Error e) {
      devicePlans.forEach(DevicePlan::close);
      throw e;
    }
  }

  /// The layers of each execution plan, by their places.
  static List<List<Integer>> places(MoePlan plan) {
    List<Integer> all = IntStream.range(0, plan.layers().size()).boxed().toList();
    return isOneStep(plan) ? List.of(all) : all.stream().map(List::of).toList();
  }

  /// A sanitised step looks at the output after each layer.
  private static boolean isOneStep(MoePlan plan) {
    return plan.options().call().wholeStep() && !plan.options().sanitize();
  }

  @Override
  public void run(Chunk chunk) {
    run(
        chunk,
        devicePlan -> {
          devicePlan.execute(chunk.tokens());
          count(chunk, devicePlan);
        });
  }

  @Override
  public boolean isCompiledAhead() {
    return true;
  }

  @Override
  public boolean hasProfiler() {
    return true;
  }

  @Override
  public Optional<Profile> profile(Chunk chunk) {
    List<Profile> profiles = new ArrayList<>();
    run(
        chunk,
        devicePlan -> {
          devicePlan.profile(chunk.tokens()).ifPresent(profiles::add);
          count(chunk, devicePlan);
        });
    return profiles.stream().reduce(Profile::and);
  }

  private static void count(Chunk chunk, DevicePlan devicePlan) {
    Launch launch = devicePlan.launch(chunk.tokens());
    chunk.count(launch.tasks(), launch.outputCopies());
  }

  @Override
  public Optional<String> launches() {
    return Optional.of(
        TornadoBackend.launches(
            devicePlans.stream().flatMap(one -> one.refusalOfReplay().stream()).findFirst()));
  }

  /// TornadoVM keeps a command queue for each thread that executes a plan, and nothing orders them.
  @Override
  public boolean isBoundToThread() {
    return true;
  }

  /// One execution of a device plan on what its arrays hold.
  @FunctionalInterface
  private interface Run {
    void of(DevicePlan devicePlan);
  }

  private void run(Chunk chunk, Run run) {
    if (chunk.tokens() == 0) {
      return; // no rows of others come in here
    }
    int last = isOneStep(plan) ? 0 : chunk.lastLayer();
    for (int place = chunk.firstLayer(); place <= last; place++) {
      run(chunk, place, run);
    }
  }

  private void run(Chunk chunk, int place, Run run) {
    DevicePlan devicePlan = devicePlans.get(place);
    MoeCall call = chunk.call();
    int first = chunk.firstToken();
    int tokens = chunk.tokens();
    MoeLayer layer = plan.layers().get(place);
    int hidden = layer.hidden();
    RowTransfer inputs = new RowTransfer(spec.hiddenType(), hidden, hidden);
    long stride = spec.outputStride() == 0 ? hidden : spec.outputStride();
    RowTransfer outputs = new RowTransfer(spec.outputType(), hidden, stride);
    RowTransfer pairs = new RowTransfer(DType.F32, layer.topK(), layer.topK());
    LayerArrays arrays = devicePlan.launch(tokens).arrays();
    FloatArray output = present((FloatArray) arrays.caller(CallerRegion.OUTPUT));
    in(inputs, call.hidden(), arrays.caller(CallerRegion.HIDDEN), first, tokens);
    in(inputs, call.residual(), arrays.caller(CallerRegion.RESIDUAL), first, tokens);
    in(pairs, call.topkWeights(), arrays.caller(CallerRegion.TOPK_WEIGHTS), first, tokens);
    MemorySegment ids = call.topkIds();
    if (ids != null && arrays.caller(CallerRegion.TOPK_IDS) instanceof IntArray array) {
      long k = layer.topK();
      RowTransfer.ids(ids, first * k, tokens * k, array);
    }
    if (Launch.readsOutput(plan)) {
      outputs.in(present(call.output()), first, tokens, output);
    }
    run.of(devicePlan);
    outputs.out(output, present(call.output()), first, tokens);
  }

  private static void in(
      RowTransfer transfer,
      @Nullable MemorySegment rows,
      @Nullable Object array,
      int first,
      int tokens) {
    if (rows != null && array instanceof FloatArray floats) {
      transfer.in(rows, first, tokens, floats);
    }
  }

  private static <T> T present(@Nullable T value) {
    if (value == null) {
      throw new IllegalStateException("calls are checked before they run");
    }
    return value;
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
    devicePlans.forEach(DevicePlan::close);
    if (memoryProbe != null) {
      memoryProbe.close();
    }
    room.close();
  }
}
