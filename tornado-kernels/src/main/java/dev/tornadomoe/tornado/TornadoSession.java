package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.Audited;
import dev.tornadomoe.backend.host.CallAudit;
import dev.tornadomoe.backend.host.CallChecks;
import dev.tornadomoe.backend.host.OutputLeases;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.MemoryKind;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// A plan on one device: an execution plan for each layer, or one for all of them where a call is a
/// whole step.
final class TornadoSession implements Audited {
  private final MoePlan plan;
  private final CallSpec spec;
  private final ChosenDevice device;
  private final DeviceWeights weights;
  private final CallChecks checks;
  private final @Nullable CallAudit audit;
  private final List<DevicePlan> devicePlans = new ArrayList<>();
  private final AtomicBoolean busy = new AtomicBoolean();
  private @Nullable Thread owner;
  private @Nullable DeviceMemoryProbe memoryProbe;
  private boolean closed;
  private long copies;
  private long tasks;

  private TornadoSession(
      MoePlan plan,
      ChosenDevice device,
      DeviceWeights weights,
      boolean isOneStep,
      Progress progress) {
    this.plan = plan;
    this.spec = plan.options().call();
    this.device = device;
    this.weights = weights;
    this.checks = new CallChecks(plan, weights.memory());
    this.audit = plan.options().sanitize() ? new CallAudit(this) : null;
    List<Integer> all = IntStream.range(0, plan.layers().size()).boxed().toList();
    List<GraphChain> chains =
        (isOneStep ? List.of(all) : all.stream().map(List::of).toList())
            .stream()
                .map(places ->
                    GraphChain.of(
                        plan, DevicePlan.launches(plan, weights, places, device.limits())))
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

  /// Loads, uploads and compiles.
  static TornadoSession prepare(MoePlan plan, ChosenDevice device, Progress progress) {
    new TornadoBackend().requirePrecision(plan);
    requireHostMemory(plan);
    return new TornadoSession(
        plan,
        device,
        DeviceWeights.load(plan, device.limits(), progress),
        isOneStep(plan),
        progress);
  }

  /// On weights that were loaded for the same layers.
  static TornadoSession on(
      DeviceWeights weights, MoePlan plan, ChosenDevice device, Progress progress) {
    DeviceWeights.requireRoom(plan, device.limits(), 0);
    return new TornadoSession(plan, device, weights, isOneStep(plan), progress);
  }

  private static void requireHostMemory(MoePlan plan) {
    if (plan.options().memory() != MemoryKind.HOST
        || plan.options().call().outputMemory() != MemoryKind.HOST) {
      throw new BackendException(
          "the plan is for device memory, a session takes rows in host memory; TornadoMoe takes arrays on the device");
    }
  }

  /// A sanitised step looks at the output after each layer.
  private static boolean isOneStep(MoePlan plan) {
    return plan.options().call().wholeStep() && !plan.options().sanitize();
  }

  @Override
  public MoePlan plan() {
    return plan;
  }

  @Override
  public void run(MoeCall call) {
    run(call, this::execute);
  }

  @Override
  public Optional<Profile> profile(MoeCall call) {
    List<Profile> profiles = new ArrayList<>();
    run(
        call,
        (devicePlan, tokens) -> {
          devicePlan.profile(tokens).ifPresent(profiles::add);
          count(devicePlan, tokens);
        });
    return profiles.stream().reduce(Profile::and);
  }

  private void execute(DevicePlan devicePlan, int tokens) {
    devicePlan.execute(tokens);
    count(devicePlan, tokens);
  }

  private void count(DevicePlan devicePlan, int tokens) {
    Launch launch = devicePlan.launch(tokens);
    tasks += launch.tasks();
    copies += launch.outputCopies();
  }

  /// One execution of a device plan on what its arrays hold.
  @FunctionalInterface
  private interface Execution {
    void run(DevicePlan devicePlan, int tokens);
  }

  private void run(MoeCall call, Execution execution) {
    enter();
    try {
      weights.memory().requireAlive();
      checks.check(call);
      int lease = OutputLeases.acquire(present(call.output()));
      try {
        if (audit == null) {
          runPlan(call, call.layer(), execution);
        } else {
          int last = spec.wholeStep() ? devicePlans.size() - 1 : call.layer();
          for (int layer = call.layer(); layer <= last; layer++) {
            audit.run(call, layer);
          }
        }
      } finally {
        OutputLeases.release(lease);
      }
    } finally {
      busy.set(false);
    }
  }

  @Override
  public void runLayer(MoeCall call, int layer) {
    runPlan(call, layer, this::execute);
  }

  private void enter() {
    if (!busy.compareAndSet(false, true)) {
      throw new BackendException(
          "the session is in use by another thread; make one for each with fork()");
    }
    String refusal = closed ? "the session is closed" : refusalOfThread();
    if (refusal != null) {
      busy.set(false);
      throw new BackendException(refusal);
    }
  }

  /// TornadoVM keeps a command queue for each thread that executes a plan, and nothing orders them.
  private @Nullable String refusalOfThread() {
    if (owner == null) {
      owner = Thread.currentThread();
    }
    return owner == Thread.currentThread()
        ? null
        : String.format(
            Locale.ROOT,
            "the session belongs to thread \"%s\", which ran it first; make one for each thread with fork()",
            owner.getName());
  }

  /// Runs one execution plan's layers, chunk by chunk.
  private void runPlan(MoeCall call, int place, Execution execution) {
    DevicePlan devicePlan = devicePlans.get(place);
    MoeLayer layer = plan.layers().get(place);
    int hidden = layer.hidden();
    RowTransfer inputs = new RowTransfer(spec.hiddenType(), hidden, hidden);
    long stride = spec.outputStride() == 0 ? hidden : spec.outputStride();
    RowTransfer outputs = new RowTransfer(spec.outputType(), hidden, stride);
    RowTransfer pairs = new RowTransfer(DType.F32, layer.topK(), layer.topK());
    int most = plan.options().chunkTokens();
    for (int first = 0; first < call.tokens(); first += most) {
      int tokens = Math.min(most, call.tokens() - first);
      LayerArrays arrays = devicePlan.launch(tokens).arrays();
      FloatArray output = present((FloatArray) arrays.caller("output"));
      in(inputs, call.hidden(), arrays.caller("hidden"), first, tokens);
      in(inputs, call.residual(), arrays.caller("residual"), first, tokens);
      in(pairs, call.topkWeights(), arrays.caller("topk_weights"), first, tokens);
      MemorySegment ids = call.topkIds();
      if (ids != null && arrays.caller("topk_ids") instanceof IntArray array) {
        long k = layer.topK();
        RowTransfer.ids(ids, first * k, tokens * k, array);
      }
      if (Launch.readsOutput(plan)) {
        outputs.in(present(call.output()), first, tokens, output);
      }
      execution.run(devicePlan, tokens);
      outputs.out(output, present(call.output()), first, tokens);
    }
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
      enter();
      try {
        if (memoryProbe == null) {
          memoryProbe = new DeviceMemoryProbe(device);
        }
        return memoryProbe.move(experts);
      } finally {
        busy.set(false);
      }
    });
  }

  @Override
  public TornadoSession fork(MoePlan other) {
    if (!other.layers().equals(plan.layers())) {
      throw new BackendException("a session can be forked only for a plan of the same layers");
    }
    if (closed) {
      throw new BackendException("the session is closed");
    }
    weights.memory().requireAlive();
    new TornadoBackend().requirePrecision(other);
    requireHostMemory(other);
    return on(weights, other, device, Progress.NONE);
  }

  @Override
  public Audited shadow() {
    return new TornadoSession(plan.unaliased(), device, weights, false, Progress.NONE);
  }

  @Override
  public Optional<String> launches() {
    return Optional.of(
        TornadoBackend.launches(
            devicePlans.stream().flatMap(one -> one.refusalOfReplay().stream()).findFirst()));
  }

  @Override
  public long copies() {
    return copies;
  }

  @Override
  public long tasks() {
    return tasks;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (!busy.compareAndSet(false, true)) {
      throw new BackendException("the session is running a call and can't be closed");
    }
    closed = true;
    busy.set(false);
    if (audit != null) {
      audit.close();
    }
    devicePlans.forEach(DevicePlan::close);
    if (memoryProbe != null) {
      memoryProbe.close();
    }
  }
}
