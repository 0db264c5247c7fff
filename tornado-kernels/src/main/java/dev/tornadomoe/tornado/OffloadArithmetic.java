package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.BesideDevice;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.cpu.HostThreads;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.graph.UnsupportedSteps;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/// Plans with some experts on a device and the others on the CPU, which has all other steps, too.
/// Both kinds of weights are loaded once; each session has its own device session, with a copy of
/// the experts that are there.
final class OffloadArithmetic implements Arithmetic {
  private final TornadoBackend backend;
  private final Arithmetic host;

  /// Who waits for the device: one of the CPU's threads, or a thread that there is for this alone.
  private final Executor errands;

  private final @Nullable ExecutorService alone;

  /// All of the CPU's threads.
  private final HostThreads threads;

  private final ChosenDevice device;
  private final @Nullable LoadedWeights weights;

  /// What the weights are of.
  private final OffloadLayers loaded;

  /// Has what goes up with each call: ordinary memory, since NVIDIA's driver takes as much of the
  /// device for each buffer in pinned memory. It goes through a small pinned piece.
  private final Arena lasting;

  /// @param host for all other steps
  /// @param weights on the device, or null for none
  /// @param loaded what they are of
  /// @param lasting has those that go up with each call; all of them are closed with this
  OffloadArithmetic(
      TornadoBackend backend,
      BesideDevice host,
      ChosenDevice device,
      @Nullable LoadedWeights weights,
      OffloadLayers loaded,
      Arena lasting) {
    this.backend = backend;
    this.host = host.arithmetic();
    this.threads = host.threads();
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
    this.loaded = loaded;
    this.lasting = lasting;
  }

  /// Loads, uploads and compiles.
  static Session prepare(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    return GuardedSession.open(backend, plan, () -> load(backend, plan, device, progress));
  }

  static SessionMemory memory(MoePlan plan, ChosenDevice device) {
    SessionMemory host = new CpuBackend().memory(plan);
    OffloadLayers there = OffloadLayers.of(plan);
    if (there.isEmpty()) {
      return host;
    }
    MoePlan onDevice = there.plan(plan, device.limits().shape());
    SessionMemory beside = DeviceMemory.of(onDevice, device.limits());
    long rows = OffloadCalls.bytes(plan, there, onDevice);
    // NVIDIA's driver takes as much of the device for rows in pinned memory.
    Bytes pinned = new Bytes(rows, rows + beside.rows().host());
    return host.plus(beside)
        .plus(new SessionMemory(Bytes.NONE, Bytes.NONE, Bytes.NONE, pinned, Bytes.NONE, 0));
  }

  /// What of a plan's part on a device has no kernel on any.
  static List<String> unsupported(MoePlan plan) {
    List<MoeLayer> there = OffloadLayers.of(plan).layers();
    return there.isEmpty()
        ? List.of()
        : UnsupportedSteps.of(Planner.builder().callerRoutes(true).build().plan(there));
  }

  @SuppressWarnings("MustBeClosedChecker") // the memory of what lasts is closed with the arithmetic
  private static OffloadArithmetic load(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    OffloadLayers there = OffloadLayers.of(plan);
    long onHost = bytes(plan.layers());
    long all = onHost + bytes(there.layers());
    BesideDevice host = CpuBackend.besideDevice(plan, (done, total) -> progress.update(done, all));
    return OnFailure.close(
        host.arithmetic()::close,
        () -> {
          Arena lasting = Arena.ofShared();
          return OnFailure.close(
              lasting::close,
              () ->
                  new OffloadArithmetic(
                      backend,
                      host,
                      device,
                      there.isEmpty()
                          ? null
                          : SessionWeights.load(
                              there.plan(plan, device.limits().shape()),
                              device,
                              lasting,
                              host.threads(),
                              new ContinuedProgress(progress, onHost, all),
                              progress),
                      there,
                      lasting));
        });
  }

  private static long bytes(List<MoeLayer> layers) {
    return layers.stream()
        .flatMap(layer -> LayerWeights.of(layer).stream())
        .mapToLong(Weight::bytes)
        .sum();
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    if (!OffloadLayers.of(plan).equals(loaded)) {
      throw new BackendException(
          "a session can be forked only for a plan with the same experts on the device");
    }
    boolean sanitized = plan.options().sanitize();
    if (weights == null) {
      return new OffloadSteps(host.compiler(plan), null, sanitized);
    }
    LoadedWeights there = weights;
    StepCompiler onHost = host.compiler(plan);
    return OnFailure.close(
        onHost::close, () -> new OffloadSteps(onHost, calls(plan, there), sanitized));
  }

  private OffloadCalls calls(MoePlan plan, LoadedWeights there) {
    GuardedSession session =
        GuardedSession.open(
            backend,
            loaded.plan(plan, device.limits().shape()),
            () -> there,
            Interruption.of(plan));
    return OnFailure.close(
        session::close, () -> new OffloadCalls(plan, session, loaded, errands, threads));
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
    try (lasting;
        host;
        alone) {
      if (weights != null) {
        weights.close();
      }
    }
  }
}
