package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.SessionWorkspace;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.graph.UnsupportedSteps;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// Plans whose ends are not local: routed experts on a device, everything else on the CPU, where
/// rows of other processes come in and results leave. Both kinds of weights are loaded once; each
/// session has its own device session, with a copy of the experts on the device.
final class ExpertsOnDevice implements Arithmetic {
  /// Pairs that the device works on at once: enough to keep it busy, and an end to what its arrays
  /// take.
  private static final int MOST_PAIRS = 2048;

  /// The same for rows that come with all of their experts here.
  private static final int MOST_ROWS = 2048;

  private final TornadoBackend backend;
  private final Arithmetic host;
  private final ChosenDevice device;
  private final LoadedWeights weights;
  private final WeightMemory memory;

  /// Whether they are loaded for rows that are summed there.
  private final boolean sums;

  /// @param host for all other steps
  /// @param weights on the device; both are closed with this
  ExpertsOnDevice(
      TornadoBackend backend,
      Arithmetic host,
      ChosenDevice device,
      LoadedWeights weights,
      boolean sums) {
    this.backend = backend;
    this.host = host;
    this.device = device;
    this.weights = weights;
    this.sums = sums;
    this.memory = host.weightMemory().and(weights.weightMemory());
  }

  /// Loads, uploads and compiles.
  static Session prepare(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    backend.requirePrecision(plan);
    requireRunnable(plan);
    return GuardedSession.open(backend, plan, () -> load(backend, plan, device, progress));
  }

  static SessionMemory memory(MoePlan plan, ChosenDevice device) {
    MoePlan onDevice = onDevice(plan, device);
    long ofSteps =
        UnsupportedSteps.sumsRowsOfOthers(plan)
            ? SumSteps.bytes(plan)
            : PairSteps.bytes(plan, onDevice);
    Bytes rows = Bytes.ofHost(DeviceCalls.bytes(onDevice, mostNoted(plan, onDevice)) + ofSteps);
    long workspace =
        UnsupportedSteps.sumsRowsOfOthers(plan)
            ? SessionWorkspace.bytes(plan, SumSteps.inWorkspace(plan))
            : plan.workspaceBytes();
    return CpuBackend.memoryAroundExperts(plan, workspace)
        .plus(DeviceMemory.of(onDevice, device.limits()))
        .plus(new SessionMemory(Bytes.NONE, Bytes.NONE, Bytes.NONE, rows, Bytes.NONE, 0));
  }

  private static ExpertsOnDevice load(
      TornadoBackend backend, MoePlan plan, ChosenDevice device, Progress progress) {
    long all = bytes(plan, true);
    Arithmetic host = CpuBackend.aroundExperts(plan, (done, total) -> progress.update(done, all));
    Progress continued = new ContinuedProgress(progress, bytes(plan, false), all);
    return OnFailure.close(
        host::close,
        () ->
            new ExpertsOnDevice(
                backend,
                host,
                device,
                SessionWeights.load(onDevice(plan, device), device, continued, progress),
                UnsupportedSteps.sumsRowsOfOthers(plan)));
  }

  private static long bytes(MoePlan plan, boolean experts) {
    return plan.layers().stream()
        .flatMap(layer -> LayerWeights.of(layer, experts).stream())
        .mapToLong(Weight::bytes)
        .sum();
  }

  private static void requireRunnable(MoePlan plan) {
    List<String> unsupported = UnsupportedSteps.aroundExperts(plan);
    if (!unsupported.isEmpty()) {
      throw new BackendException(unsupported.getFirst());
    }
  }

  /// What the device computes of a plan.
  private static MoePlan onDevice(MoePlan plan, ChosenDevice device) {
    return UnsupportedSteps.sumsRowsOfOthers(plan) ? sums(plan, device) : pairs(plan, device);
  }

  /// Each row is a token with its experts here, which weight and sum: pair by pair up to as many
  /// tokens as where all experts are here, since experts and pairs are fewer alike.
  private static MoePlan sums(MoePlan plan, ChosenDevice device) {
    List<MoeLayer> layers = plan.layers().stream().map(SumSteps::onDevice).toList();
    Planner.Builder planner =
        Planner.builder().maxTokens(Math.min(mostRows(plan), MOST_ROWS)).callerRoutes(true);
    TornadoBackend.modularMoe(plan.layers(), device.limits().shape())
        .ifPresent(planner::modularMoe);
    return planner.build().plan(layers);
  }

  /// For how many of the device's tokens experts are noted at once.
  private static int mostNoted(MoePlan plan, MoePlan onDevice) {
    return UnsupportedSteps.sumsRowsOfOthers(plan)
        ? mostRows(plan)
        : onDevice.options().maxTokens();
  }

  private static int mostRows(MoePlan plan) {
    return IntStream.range(0, plan.layers().size())
        .map(layerIndex -> KeptRows.most(plan, layerIndex))
        .reduce(1, Math::max);
  }

  /// Each pair of a row and one of its experts here is a token with one expert, whose weight is 1.
  /// Kernels without work-groups work on them in one way however many they are, so that results
  /// don't depend on the number of processes.
  private static MoePlan pairs(MoePlan plan, ChosenDevice device) {
    long most = 1;
    for (int layerIndex = 0; layerIndex < plan.layers().size(); layerIndex++) {
      long rows = KeptRows.most(plan, layerIndex);
      most = Math.max(most, rows * plan.layers().get(layerIndex).topK());
    }
    List<MoeLayer> layers = plan.layers().stream().map(ExpertsOnDevice::expertsOf).toList();
    return Planner.builder()
        .maxTokens((int) Math.min(most, MOST_PAIRS))
        .callerRoutes(true)
        .modularMoe(
            TornadoBackend.modularMoe(layers, device.limits().shape())
                .orElse(ExpertsCatalog.named("fused")))
        .build()
        .plan(layers);
  }

  private static MoeLayer expertsOf(MoeLayer layer) {
    ExpertWeights experts = layer.experts();
    return new MoeLayer(
        layer.index(),
        1,
        null,
        new ExpertWeights(
            experts.local(), ExpertMap.identity(experts.local().size()), experts.activation()),
        null,
        false);
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    requireRunnable(plan);
    if (UnsupportedSteps.sumsRowsOfOthers(plan) != sums) {
      throw new BackendException(
          "a plan whose experts sum rows of other processes and one whose don't can't share weights"
              + " on a device; prepare each by itself");
    }
    StepCompiler onHost = host.compiler(plan);
    return OnFailure.close(
        onHost::close,
        () -> {
          DeviceCalls calls = calls(plan);
          return OnFailure.close(
              calls::close,
              () -> sums ? new SumSteps(onHost, plan, calls) : new PairSteps(onHost, plan, calls));
        });
  }

  private DeviceCalls calls(MoePlan plan) {
    MoePlan onDevice = onDevice(plan, device);
    GuardedSession session =
        GuardedSession.open(backend, onDevice, () -> weights, Interruption.of(plan));
    return OnFailure.close(
        session::close, () -> new DeviceCalls(session, mostNoted(plan, onDevice)));
  }

  @Override
  public WeightMemory weightMemory() {
    return memory;
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return host.coreUse();
  }

  @Override
  public void close() {
    weights.close();
    host.close();
  }
}
