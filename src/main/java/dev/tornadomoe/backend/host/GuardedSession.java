package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.MemoryKind;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The session of every backend, and what all of them promise: one call at a time, on one thread
/// where the backend needs that, none after close; calls are checked, no output is written by two
/// of them, weights are there; calls are cut into chunks and what was done is counted; forks share
/// weights, which go with the last session. What runs a chunk is the backend's [Execution].
public final class GuardedSession implements Session {
  private final Backend backend;
  private final MoePlan plan;
  private final SharedWeights weights;
  private final Execution execution;
  private final CallChecks checks;
  private final ResultLeases leases;
  private final @Nullable CallAudit audit;
  private final Chunk chunk;
  private final ChunkRun running;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean closed;

  /// Who ran it first, where it is bound to that thread.
  private @Nullable Thread owner;

  /// What is done with one chunk.
  @FunctionalInterface
  interface ChunkRun {
    void run(Chunk chunk);
  }

  private GuardedSession(
      Backend backend, MoePlan plan, SharedWeights weights, Interruption interruption) {
    this.backend = backend;
    this.plan = plan;
    this.weights = weights;
    this.chunk = new Chunk(interruption);
    this.checks = new CallChecks(plan, weights.get().weightMemory());
    this.leases = new ResultLeases(plan);
    this.execution = weights.get().prepare(plan);
    this.running = execution::run;
    this.audit = plan.options().sanitize() ? new CallAudit(this) : null;
  }

  /// Loads weights and makes the first session on them.
  ///
  /// @param backend whose they are
  /// @param loading loads them, or leaves nothing behind
  /// @throws BackendException before anything is loaded for plans of another precision or memory
  ///   and for those that do not fit, and for files that can't be read any more
  public static GuardedSession open(
      Backend backend, MoePlan plan, Supplier<? extends LoadedWeights> loading) {
    return open(backend, plan, loading, Interruption.of(plan));
  }

  /// Makes a session whose calls are parts of another session's.
  ///
  /// @param interruption what becomes of calls whose thread is interrupted
  public static GuardedSession open(
      Backend backend,
      MoePlan plan,
      Supplier<? extends LoadedWeights> loading,
      Interruption interruption) {
    requireSuitable(backend, plan);
    SessionMemory memory = backend.memory(plan);
    MemoryBudget.require(
        String.format(
            Locale.ROOT,
            "the plan (%d %s)",
            plan.layers().size(),
            plan.layers().size() == 1 ? "layer" : "layers"),
        Math.addExact(memory.total().host(), memory.loadingBytes()));
    try {
      return on(new SharedWeights(loading.get()), backend, plan, interruption);
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    }
  }

  /// @param weights released where no session comes of it
  private static GuardedSession on(
      SharedWeights weights, Backend backend, MoePlan plan, Interruption interruption) {
    try {
      weights.get().weightMemory().requireAlive();
      return new GuardedSession(backend, plan, weights, interruption);
    } catch (RuntimeException | Error e) {
      weights.release();
      throw e;
    }
  }

  private static void requireSuitable(Backend backend, MoePlan plan) {
    backend.requirePrecision(plan);
    if (plan.options().memory() != MemoryKind.HOST
        || plan.options().call().outputMemory() != MemoryKind.HOST) {
      throw new BackendException(
          "the plan is for device memory, a session takes rows in host memory; TornadoMoe takes"
              + " arrays on the device");
    }
  }

  @Override
  public MoePlan plan() {
    return plan;
  }

  @Override
  public void run(MoeCall call) {
    run(call, running);
  }

  @Override
  public Optional<Profile> profile(MoeCall call) {
    List<Profile> profiles = new ArrayList<>();
    run(call, part -> execution.profile(part).ifPresent(profiles::add));
    return profiles.stream().reduce(Profile::and);
  }

  @Override
  public Optional<String> launches() {
    return execution.launches();
  }

  @Override
  public void warmUp() {
    WarmUp warmUp = new WarmUp(plan, this::run);
    chunk.pauseCounting();
    try {
      if (execution.isCompiledAhead()) {
        warmUp.once();
      } else {
        warmUp.untilCompiled();
      }
    } finally {
      chunk.resumeCounting();
    }
  }

  private void run(MoeCall call, ChunkRun how) {
    enter();
    try {
      weights.get().weightMemory().requireAlive();
      checks.check(call);
      try {
        leases.take(call);
        boolean isWholeStep = plan.options().call().wholeStep();
        int last = isWholeStep ? plan.layers().size() - 1 : call.layer();
        if (audit == null) {
          runLayers(call, call.layer(), last, how);
        } else {
          for (int layer = call.layer(); layer <= last; layer++) {
            audit.run(call, layer, how);
          }
        }
      } finally {
        leases.giveBack();
      }
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    } finally {
      busy.set(false);
    }
  }

  /// Runs one layer of a call that has been checked.
  void runLayer(MoeCall call, int layer) {
    runLayer(call, layer, running);
  }

  void runLayer(MoeCall call, int layer, ChunkRun how) {
    runLayers(call, layer, layer, how);
  }

  private void runLayers(MoeCall call, int firstLayer, int lastLayer, ChunkRun how) {
    int most = plan.options().chunkTokens();
    chunk.set(call, firstLayer, lastLayer);
    try {
      // Once without tokens, too: others' may come in.
      for (int first = 0; first == 0 || first < call.tokens(); first += most) {
        chunk.setTokens(first, Math.min(most, call.tokens() - first));
        chunk.checkInterrupt();
        how.run(chunk);
      }
    } finally {
      chunk.forget();
    }
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

  private @Nullable String refusalOfThread() {
    if (!execution.isBoundToThread()) {
      return null;
    }
    if (owner == null) {
      owner = Thread.currentThread();
    }
    return owner == Thread.currentThread()
        ? null
        : String.format(
            Locale.ROOT,
            "the session belongs to thread \"%s\", which ran it first; make one for each thread"
                + " with fork()",
            owner.getName());
  }

  /// A session on the same weights that runs without aliases and is not watched.
  GuardedSession shadow() {
    return fork(plan.unaliased());
  }

  @Override
  public GuardedSession fork(MoePlan other) {
    if (!other.layers().equals(plan.layers())) {
      throw new BackendException("a session can be forked only for a plan of the same layers");
    }
    if (closed) {
      throw new BackendException("the session is closed");
    }
    requireSuitable(backend, other);
    SessionMemory mine = backend.memory(plan);
    SessionMemory theirs = backend.memory(other);
    MemoryBudget.require(
        "another session on the same weights",
        theirs.ofFork().plus(theirs.shared().beyond(mine.shared())).host() + theirs.loadingBytes());
    try {
      return on(weights.retain(), backend, other, Interruption.of(other));
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    }
  }

  @Override
  public long copies() {
    return chunk.copies();
  }

  @Override
  public long tasks() {
    return chunk.tasks();
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return execution.coreUse();
  }

  /// Memory for rows that no call copies, as [Execution#rowMemory] says.
  public Optional<MemorySegment> rowMemory(long bytes) {
    return execution.rowMemory(bytes);
  }

  /// Does what [Execution#bringUp] says.
  public void bringUp(int layerIndex, int tokens) {
    execution.bringUp(layerIndex, tokens);
  }

  /// As [Execution#worthwhileTokens] says.
  public int worthwhileTokens(int layerIndex) {
    return execution.worthwhileTokens(layerIndex);
  }

  /// Whether calls have to come from the thread of the first.
  public boolean isBoundToThread() {
    return execution.isBoundToThread();
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return execution.memoryProbe().map(probe -> experts -> move(probe, experts));
  }

  private long move(MemoryProbe probe, List<int[]> experts) {
    enter();
    try {
      weights.get().weightMemory().requireAlive();
      return probe.move(experts);
    } catch (InternalError e) {
      throw WeightMemory.fault(e);
    } finally {
      busy.set(false);
    }
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
    try {
      if (audit != null) {
        audit.close();
      }
      execution.close();
    } finally {
      weights.release();
    }
  }

  /// One line: the backend and the plan.
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "session of backend \"%s\", %s", backend.name(), plan);
  }
}
