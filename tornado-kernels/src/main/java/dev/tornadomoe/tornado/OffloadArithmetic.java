package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.BesideDevice;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadExperts.DevicePart;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.graph.UnsupportedSteps;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Plans with some experts on a device and the others on the CPU, which has all other steps, too.
/// Both kinds of weights are loaded once; each session has its own device session, with a copy of
/// the experts that are there.
final class OffloadArithmetic implements Arithmetic {
  /// Tokens that the device works on at once: enough to keep it busy, and an end to what its arrays
  /// take.
  private static final int MOST_TOKENS = 2048;

  private final TornadoBackend backend;
  private final Arithmetic host;

  /// Who waits for the device: one of the CPU's threads, or a thread that there is for this alone.
  private final Executor errands;

  private final @Nullable ExecutorService alone;
  private final ChosenDevice device;
  private final @Nullable LoadedWeights weights;

  /// What the weights are of.
  private final List<MoeLayer> loaded;

  /// @param host for all other steps
  /// @param weights on the device, or null for none; both are closed with this
  /// @param plan that they are loaded for
  OffloadArithmetic(
      TornadoBackend backend,
      BesideDevice host,
      ChosenDevice device,
      @Nullable LoadedWeights weights,
      MoePlan plan) {
    this.backend = backend;
    this.host = host.arithmetic();
    Executor worker = host.errands();
    ExecutorService own = null;
    if (worker == null) {
      own = DeviceWork.ownThread();
      worker = own;
    }
    this.alone = own;
    this.errands = worker;
    this.device = device;
    this.weights = weights;
    this.loaded = parts(plan);
  }

  /// Loads, uploads and compiles.
  static Session prepare(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    return GuardedSession.open(backend, plan, () -> load(backend, plan, device, progress));
  }

  static SessionMemory memory(MoePlan plan, ChosenDevice device) {
    SessionMemory host = new CpuBackend().memory(plan);
    if (layers(plan).isEmpty()) {
      return host;
    }
    MoePlan onDevice = onDevice(plan, device);
    Bytes rows = Bytes.ofHost(OffloadCalls.bytes(plan, onDevice));
    return host.plus(DeviceMemory.of(onDevice, device.limits()))
        .plus(new SessionMemory(Bytes.NONE, Bytes.NONE, Bytes.NONE, rows, Bytes.NONE, 0));
  }

  /// What of a plan's part on a device has no kernel on any.
  static List<String> unsupported(MoePlan plan) {
    List<MoeLayer> there = onDevice(plan);
    return there.isEmpty()
        ? List.of()
        : UnsupportedSteps.of(Planner.builder().callerRoutes(true).build().plan(there));
  }

  private static OffloadArithmetic load(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    long onHost = bytes(plan.layers());
    List<MoeLayer> there = onDevice(plan);
    long all = onHost + bytes(there);
    BesideDevice host = CpuBackend.besideDevice(plan, (done, total) -> progress.update(done, all));
    return OnFailure.close(
        host.arithmetic()::close,
        () ->
            new OffloadArithmetic(
                backend,
                host,
                device,
                there.isEmpty()
                    ? null
                    : SessionWeights.load(
                        onDevice(plan, device),
                        device,
                        new ContinuedProgress(progress, onHost, all),
                        progress),
                plan));
  }

  private static long bytes(List<MoeLayer> layers) {
    return layers.stream()
        .flatMap(layer -> LayerWeights.of(layer).stream())
        .mapToLong(Weight::bytes)
        .sum();
  }

  /// Which of a plan's layers the device has some of.
  private static List<Integer> layers(MoePlan plan) {
    return IntStream.range(0, plan.layers().size())
        .filter(index -> part(plan, index) != null)
        .boxed()
        .toList();
  }

  private static @Nullable DevicePart part(MoePlan plan, int index) {
    return plan.modularMoe(index).experts() instanceof OffloadExperts offload
        ? offload.device()
        : null;
  }

  private static List<MoeLayer> parts(MoePlan plan) {
    return IntStream.range(0, plan.layers().size())
        .mapToObj(index -> Optional.ofNullable(part(plan, index)))
        .flatMap(Optional::stream)
        .map(DevicePart::layer)
        .toList();
  }

  private static List<MoeLayer> onDevice(MoePlan plan) {
    return parts(plan).stream().map(SumSteps::onDevice).toList();
  }

  /// What the device computes of a plan: each row is a token with its experts there, which weight
  /// and sum.
  private static MoePlan onDevice(MoePlan plan, ChosenDevice device) {
    List<MoeLayer> layers = onDevice(plan);
    int tokens = plan.options().chunkTokens();
    Planner.Builder planner =
        Planner.builder()
            .maxTokens(tokens)
            .chunkTokens(Math.min(tokens, MOST_TOKENS))
            .callerRoutes(true);
    TornadoBackend.modularMoe(layers, device.limits().shape()).ifPresent(planner::modularMoe);
    return planner.build().plan(layers);
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    if (!parts(plan).equals(loaded)) {
      throw new BackendException(
          "a session can be forked only for a plan with the same experts on the device");
    }
    boolean sanitized = plan.options().sanitize();
    if (weights == null) {
      return new OffloadSteps(host.compiler(plan), null, List.of(), sanitized);
    }
    LoadedWeights there = weights;
    StepCompiler onHost = host.compiler(plan);
    return OnFailure.close(
        onHost::close, () -> new OffloadSteps(onHost, calls(plan, there), layers(plan), sanitized));
  }

  private OffloadCalls calls(MoePlan plan, LoadedWeights there) {
    GuardedSession session =
        GuardedSession.open(backend, onDevice(plan, device), () -> there, Interruption.of(plan));
    return OnFailure.close(
        session::close, () -> new OffloadCalls(plan, session, parts(plan), errands));
  }

  @Override
  public WeightMemory weightMemory() {
    return weights == null ? host.weightMemory() : host.weightMemory().and(weights.weightMemory());
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return Optional.empty(); // two memories, at once
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return host.coreUse();
  }

  @Override
  public void close() {
    try (host;
        alone) {
      if (weights != null) {
        weights.close();
      }
    }
  }
}
