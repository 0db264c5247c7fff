package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A plan in host memory: allocates the workspace, compiles every bucket, and runs the steps of a
/// call one after the other. How a step computes is the backend's [Arithmetic].
final class HostExecution implements Execution {
  private final MoePlan plan;
  private final Arithmetic arithmetic;
  private final StepCompiler compiler;
  private final Arena arena;
  private final List<CompiledBucket> buckets;
  private final @Nullable ScratchGuard guard;

  private HostExecution(
      MoePlan plan,
      Arithmetic arithmetic,
      StepCompiler compiler,
      Arena arena,
      List<CompiledBucket> buckets,
      @Nullable ScratchGuard guard) {
    this.plan = plan;
    this.arithmetic = arithmetic;
    this.compiler = compiler;
    this.arena = arena;
    this.buckets = buckets;
    this.guard = guard;
  }

  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  static HostExecution of(MoePlan plan, Arithmetic arithmetic) {
    StepCompiler compiler = arithmetic.compiler(plan);
    Arena arena = Arena.ofShared();
    try {
      // At least a byte: an empty segment has no address of its own.
      SessionWorkspace places = SessionWorkspace.of(plan, compiler::isInWorkspace);
      MemorySegment workspace = arena.allocate(Math.max(1, places.bytes()), 64);
      List<CompiledBucket> buckets = new ArrayList<>(plan.buckets().size());
      for (BucketPlan bucket : plan.buckets()) {
        buckets.add(CompiledBucket.compile(plan, bucket, compiler, places, workspace));
      }
      ScratchGuard guard = plan.options().sanitize() ? new ScratchGuard() : null;
      return new HostExecution(plan, arithmetic, compiler, arena, buckets, guard);
    } catch (RuntimeException | Error e) {
      arena.close();
      compiler.close();
      throw e;
    }
  }

  @Override
  public void run(Chunk chunk) {
    run(chunk, null);
  }

  @Override
  public Optional<Profile> profile(Chunk chunk) {
    StepTimes times = new StepTimes();
    run(chunk, times);
    return Optional.of(times.profile());
  }

  /// @param times of the steps, or null where nobody asks
  private void run(Chunk chunk, @Nullable StepTimes times) {
    CompiledBucket bucket = buckets.get(plan.bucketIndex(chunk.tokens()));
    for (int layer = chunk.firstLayer(); layer <= chunk.lastLayer(); layer++) {
      try {
        bucket.bindCallers(layer, chunk.call(), chunk.firstToken());
        runSteps(bucket, layer, chunk, times);
      } finally {
        bucket.unbindCallers(layer); // or the caller's memory would live as long as the session
      }
    }
  }

  private void runSteps(CompiledBucket bucket, int layer, Chunk chunk, @Nullable StepTimes times) {
    for (CompiledBucket.CompiledStep step : bucket.begin(layer, chunk.tokens())) {
      if (guard != null) {
        guard.beforeStep(bucket, step.step());
      }
      chunk.checkInterrupt();
      long start = times == null ? 0 : System.nanoTime();
      step.run(chunk.tokens());
      if (times != null) {
        times.add(step.step(), start, step.compiled().nanosBeside());
      }
      chunk.count(1, step.isOutputCopy() ? 1 : 0);
      if (guard != null) {
        guard.afterStep(bucket, step.step());
      }
    }
  }

  @Override
  public boolean isBoundToThread() {
    return compiler.isBoundToThread();
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return arithmetic.coreUse();
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return arithmetic.memoryProbe();
  }

  @Override
  public void close() {
    arena.close();
    compiler.close();
  }
}
