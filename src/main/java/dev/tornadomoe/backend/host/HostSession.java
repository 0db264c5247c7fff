package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Placement;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MemoryKind;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A session in host memory: allocates the workspace, compiles every bucket, and runs the steps of
/// a call one after the other. How a step computes is the backend's [Arithmetic].
public final class HostSession implements Audited {
  private final MoePlan plan;
  private final SharedArithmetic arithmetic;
  private final StepCompiler compiler;
  private final Arena arena;
  private final CallChecks checks;
  private final List<CompiledBucket> buckets = new ArrayList<>();
  private final @Nullable CallAudit audit;
  private final @Nullable ScratchGuard guard;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean closed;
  private long copies;
  private long tasks;

  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  private HostSession(MoePlan plan, SharedArithmetic arithmetic) {
    if (!arithmetic.get().precisions().contains(plan.options().precision())) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan is for precision %s, which this session's backend does not have",
              plan.options().precision()));
    }
    this.plan = plan;
    this.arithmetic = arithmetic;
    this.checks = new CallChecks(plan, arithmetic.get().weightMemory());
    this.compiler = arithmetic.get().compiler(plan);
    this.arena = Arena.ofShared();
    try {
      // At least a byte: an empty segment has no address of its own.
      MemorySegment workspace = arena.allocate(Math.max(1, plan.workspaceBytes()), 64);
      for (BucketPlan bucket : plan.buckets()) {
        buckets.add(CompiledBucket.compile(plan, bucket, compiler, workspace));
      }
      this.audit = plan.options().sanitize() ? new CallAudit(this) : null;
      this.guard = plan.options().sanitize() ? new ScratchGuard() : null;
    } catch (RuntimeException | Error e) {
      arena.close();
      compiler.close();
      throw e;
    }
  }

  /// Loads weights and makes the first session on them.
  ///
  /// @param weightBytes what loading the weights will allocate
  /// @param loading loads them, or leaves nothing behind
  /// @throws BackendException for plans for other memory, before anything is loaded for those that
  ///   do not fit, and for files that can't be read any more
  public static HostSession load(MoePlan plan, long weightBytes, Supplier<Arithmetic> loading) {
    requireSuitable(plan, weightBytes);
    try {
      return of(plan, loading.get());
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    }
  }

  /// The first session on weights that have just been loaded, for a plan that was found suitable.
  public static HostSession of(MoePlan plan, Arithmetic arithmetic) {
    SharedArithmetic shared = new SharedArithmetic(arithmetic);
    try {
      requireWeights(shared);
      return new HostSession(plan, shared);
    } catch (RuntimeException | Error e) {
      shared.release();
      throw e;
    }
  }

  private static void requireSuitable(MoePlan plan, long weightBytes) {
    requireHostMemory(plan);
    MemoryBudget.require(
        String.format(
            Locale.ROOT,
            "the plan (%d %s)",
            plan.layers().size(),
            plan.layers().size() == 1 ? "layer" : "layers"),
        Math.addExact(weightBytes, plan.workspaceBytes()));
  }

  private static void requireHostMemory(MoePlan plan) {
    if (plan.options().memory() != MemoryKind.HOST
        || plan.options().call().outputMemory() != MemoryKind.HOST) {
      throw new BackendException("the plan is for device memory, this backend uses host memory");
    }
  }

  @Override
  public MoePlan plan() {
    return plan;
  }

  @Override
  public void run(MoeCall call) {
    enter();
    try {
      requireWeights(arithmetic);
      checks.check(call);
      int lease = OutputLeases.acquire(outputOf(call));
      try {
        if (plan.options().call().wholeStep()) {
          for (int layer = 0; layer < plan.layers().size(); layer++) {
            runAndAudit(call, layer);
          }
        } else {
          runAndAudit(call, call.layer());
        }
      } finally {
        OutputLeases.release(lease);
      }
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    } finally {
      busy.set(false);
    }
  }

  private static void requireWeights(SharedArithmetic arithmetic) {
    arithmetic.get().weightMemory().requireAlive();
  }

  private void enter() {
    if (!busy.compareAndSet(false, true)) {
      throw new BackendException(
          "the session is in use by another thread; make one for each with fork()");
    }
    if (closed) {
      busy.set(false);
      throw new BackendException("the session is closed");
    }
  }

  private void runAndAudit(MoeCall call, int layer) {
    if (audit == null) {
      runLayer(call, layer);
    } else {
      audit.run(call, layer);
    }
  }

  @Override
  public void runLayer(MoeCall call, int layer) {
    int most = plan.options().chunkTokens();
    // Once without tokens, too: others' may come in.
    for (int first = 0; first == 0 || first < call.tokens(); first += most) {
      int tokens = Math.min(most, call.tokens() - first);
      CompiledBucket bucket = bucket(tokens);
      try {
        bind(bucket, call, layer, first);
        runSteps(bucket, layer, tokens);
      } finally {
        bucket.unbindCallers(); // or the caller's memory would live as long as the session
      }
    }
  }

  private CompiledBucket bucket(int tokens) {
    for (int i = 0; i < buckets.size(); i++) {
      if (tokens <= buckets.get(i).plan().maxTokens()) {
        return buckets.get(i);
      }
    }
    throw new IllegalStateException("no bucket for " + tokens + " tokens");
  }

  private static void bind(CompiledBucket bucket, MoeCall call, int layer, int firstToken) {
    bind(bucket, layer, Operand.HIDDEN, call.hidden(), firstToken);
    bind(bucket, layer, Operand.OUTPUT, call.output(), firstToken);
    MemorySegment residual = call.residual();
    bind(bucket, layer, Operand.RESIDUAL, residual != null ? residual : call.output(), firstToken);
    if (call.topkIds() != null) {
      bind(bucket, layer, Operand.TOPK_IDS, call.topkIds(), firstToken);
      bind(bucket, layer, Operand.TOPK_WEIGHTS, call.topkWeights(), firstToken);
    }
  }

  private static void bind(
      CompiledBucket bucket,
      int layer,
      Operand operand,
      @Nullable MemorySegment segment,
      int firstToken) {
    BufferRef ref = bucket.find(layer, operand);
    if (ref != null && segment != null) {
      ref.bind(segment, firstToken * ref.rowBytes());
    }
  }

  private void runSteps(CompiledBucket bucket, int layer, int tokens) {
    for (CompiledBucket.CompiledStep step : bucket.begin(layer, tokens)) {
      if (guard != null) {
        guard.beforeStep(bucket, step.step());
      }
      step.run(tokens);
      tasks++;
      if (step.isOutputCopy()) {
        copies++;
      }
      if (guard != null) {
        guard.afterStep(bucket, step.step());
      }
    }
  }

  private static MemorySegment outputOf(MoeCall call) {
    MemorySegment output = call.output();
    if (output == null) {
      throw new IllegalStateException("checked before");
    }
    return output;
  }

  @Override
  public Audited shadow() {
    return fork(plan.unaliased());
  }

  @Override
  public HostSession fork(MoePlan other) {
    if (!other.layers().equals(plan.layers())) {
      throw new BackendException("a session can be forked only for a plan of the same layers");
    }
    if (closed) {
      throw new BackendException("the session is closed");
    }
    requireWeights(arithmetic);
    requireHostMemory(other);
    MemoryBudget.require("another session's workspace", other.workspaceBytes());
    SharedArithmetic shared = arithmetic.retain();
    try {
      return new HostSession(other, shared);
    } catch (RuntimeException | Error e) {
      shared.release();
      throw e;
    }
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
  public Optional<Placement> placement() {
    return arithmetic.get().placement();
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return arithmetic
        .get()
        .memoryProbe()
        .map(probe ->
            experts -> {
              enter();
              try {
                requireWeights(arithmetic);
                return probe.move(experts);
              } finally {
                busy.set(false);
              }
            });
  }

  @Override
  public void close() {
    if (!busy.compareAndSet(false, true)) {
      if (closed) {
        return; // by another thread in this moment
      }
      throw new BackendException("the session is running a call and can't be closed");
    }
    boolean again = closed;
    closed = true;
    busy.set(false);
    if (again) {
      return;
    }
    if (audit != null) {
      audit.close();
    }
    arena.close();
    compiler.close();
    arithmetic.release();
  }
}
