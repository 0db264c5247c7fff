package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.kernel.choice.KernelChoice;
import dev.tornadomoe.backend.cpu.step.PlanNeeds;
import dev.tornadomoe.backend.cpu.step.StepNeeds;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.plan.Step;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The backend named `cpu`. Its sessions share one team of threads: as many as [#withThreads] was
/// given, else as `-Dtornadomoe.cpu.threads` says, else one for each core.
public final class CpuBackend implements Backend {
  /// Names the system property.
  public static final String THREADS_PROPERTY = "tornadomoe.cpu.threads";

  private static final int MOST_THREADS = 4096;

  /// Given by the user, or 0.
  private final int given;

  private @Nullable CpuTeam team;

  /// For `ServiceLoader`.
  public CpuBackend() {
    this(0);
  }

  private CpuBackend(int given) {
    this.given = given;
  }

  @Override
  public Backend withThreads(int threads) {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "withThreads(%d): expected a whole number from 1 to %d",
              threads,
              MOST_THREADS));
    }
    return new CpuBackend(threads);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public Availability availability() {
    return Availability.yes();
  }

  @Override
  public List<String> devices() {
    String missing = KernelChoice.whyNotVector();
    return List.of(
        String.format(
            Locale.ROOT,
            "%d %s, %s, %s, kernels: %s",
            threads(),
            threads() == 1 ? "thread" : "threads",
            System.getProperty("os.arch"),
            System.getProperty("java.vm.name") + " " + Runtime.version(),
            KernelChoice.choose().name() + (missing == null ? "" : " (" + missing + ")")));
  }

  @Override
  public Set<Precision> precisions() {
    return EnumSet.allOf(Precision.class);
  }

  @Override
  public Session prepare(MoePlan plan, Progress progress) {
    CpuKernels kernels = KernelChoice.choose();
    return GuardedSession.open(
        this, plan, () -> CpuArithmetic.load(plan, true, team(kernels), progress));
  }

  /// The team, with one more user.
  private synchronized CpuTeam team(CpuKernels kernels) {
    CpuTeam present = team;
    if (present == null || !present.joined(threads(), kernels)) {
      present = new CpuTeam(threads(), kernels);
      team = present;
    }
    return present;
  }

  @Override
  public List<String> unsupported(MoePlan plan) {
    Set<String> sentences = new TreeSet<>();
    for (BucketPlan bucket : plan.buckets()) {
      for (Step step : bucket.steps()) {
        if (step.operation() instanceof OffloadOperation op) {
          sentences.add(CpuSteps.refusal(plan.layers().get(step.layer()), op));
        }
      }
    }
    return List.copyOf(sentences);
  }

  @Override
  public SessionMemory memory(MoePlan plan) {
    return memory(plan, true, plan.workspaceBytes());
  }

  /// What [#aroundExperts] takes, and sessions on it.
  ///
  /// @param workspaceBytes of a session
  public static SessionMemory memoryAroundExperts(MoePlan plan, long workspaceBytes) {
    return new CpuBackend().memory(plan, false, workspaceBytes);
  }

  private SessionMemory memory(MoePlan plan, boolean experts, long workspaceBytes) {
    CpuKernels kernels = KernelChoice.choose();
    StepNeeds needs = PlanNeeds.of(plan, experts, kernels);
    long weights = CpuLoader.bytes(plan, experts, kernels);
    long team = (threads() - 1) * needs.scratch().bytes();
    return new SessionMemory(
        Bytes.ofHost(weights),
        Bytes.ofHost(workspaceBytes),
        Bytes.ofHost(team + needs.ofSession()),
        Bytes.ofHost(plan.carrierBytes()),
        Bytes.ofHost(weights + team + plan.carrierBytes()),
        0);
  }

  /// What computes all other steps for a backend that has the routed experts elsewhere: their
  /// weights are not loaded here.
  ///
  /// @param progress hears how far loading what is left is
  /// @throws dev.tornadomoe.MoeException for weights that can't be right
  public static Arithmetic aroundExperts(MoePlan plan, Progress progress) {
    return CpuArithmetic.load(plan, false, new CpuBackend().team(KernelChoice.choose()), progress);
  }

  /// What computes all steps but those of a device, for a backend that has some of the routed
  /// experts there: the plan's layers have the others.
  ///
  /// @param progress hears how far loading them is
  /// @throws dev.tornadomoe.MoeException for weights that can't be right
  public static BesideDevice besideDevice(MoePlan plan, Progress progress) {
    CpuTeam team = new CpuBackend().team(KernelChoice.choose());
    return new BesideDevice(
        CpuArithmetic.load(plan, true, team, progress),
        team.workers().errands(),
        threads(team.workers()));
  }

  /// Does something with as many threads as a session has, which end with it.
  ///
  /// @param work what it is
  /// @return what that returns
  public static <T> T together(Function<HostThreads, T> work) {
    try (WorkerTeam team = new WorkerTeam(new CpuBackend().threads())) {
      return work.apply(threads(team));
    }
  }

  private static HostThreads threads(WorkerTeam team) {
    return (items, item) -> team.run((each, worker) -> item.accept(each), items);
  }

  private int threads() {
    return given == 0 ? threadsOfProperty() : given;
  }

  private static int threadsOfProperty() {
    String text = System.getProperty(THREADS_PROPERTY);
    if (text == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    try {
      int threads = Integer.parseInt(text);
      if (threads >= 1 && threads <= MOST_THREADS) {
        return threads;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new BackendException(
        String.format(
            Locale.ROOT,
            "-D%s=%s: expected a whole number from 1 to %d",
            THREADS_PROPERTY,
            text,
            MOST_THREADS));
  }
}
