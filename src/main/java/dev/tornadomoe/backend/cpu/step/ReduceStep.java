package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.NormStep;
import dev.tornadomoe.layer.ExpertMap;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Weighting and sum over a token's rows, in the order of its slots, and the norm of what comes out
/// where one follows. A work item is some tokens, enough that a thread is worth waking for it.
public final class ReduceStep implements HostStep, WorkerTeam.Task {
  /// What a thread reads in some five microseconds, about what it takes to wake one.
  private static final long ITEM_BYTES = 64 << 10;

  private final SessionTeam team;
  private final SessionScratch scratch;
  private final CpuKernels kernels;
  private final ExpertMap map;
  private final int topK;
  private final int hidden;
  private final BufferRef source;
  private final PairRows sourceRows;
  private final BufferRef ids;
  private final @Nullable BufferRef weights;
  private final Epilogue epilogue;
  private final @Nullable NormStep norm;
  private final int itemTokens;
  private int tokens;

  /// Where the row of a pair is.
  @FunctionalInterface
  public interface PairRows {

    /// The row in the source.
    ///
    /// @param expert the pair's local expert
    long of(long pair, int expert);
  }

  public ReduceStep(
      SessionTeam team,
      SessionScratch scratch,
      CpuKernels kernels,
      ExpertMap map,
      int topK,
      int hidden,
      BufferRef source,
      PairRows sourceRows,
      BufferRef ids,
      @Nullable BufferRef weights,
      Epilogue epilogue,
      @Nullable NormStep norm) {
    this.team = team;
    this.scratch = scratch;
    this.kernels = kernels;
    this.map = map;
    this.topK = topK;
    this.hidden = hidden;
    this.source = source;
    this.sourceRows = sourceRows;
    this.ids = ids;
    this.weights = weights;
    this.epilogue = epilogue;
    this.norm = norm;
    this.itemTokens = (int) Math.max(1, ITEM_BYTES / ((long) topK * hidden * Float.BYTES));
  }

  @Override
  public void run(int count) {
    tokens = count;
    team.run(this, Math.ceilDiv(count, itemTokens));
  }

  @Override
  public void run(int item, int worker) {
    int end = Math.min(tokens, (item + 1) * itemTokens);
    for (int token = item * itemTokens; token < end; token++) {
      reduce(token, worker);
    }
  }

  private void reduce(int token, int worker) {
    float[] row = scratch.of(worker).result;
    float[] sum = scratch.of(worker).sum;
    Arrays.fill(sum, 0, hidden, 0f);
    for (int slot = 0; slot < topK; slot++) {
      long pair = (long) token * topK + slot;
      int expert = map.localOf(ids.getInt(pair));
      if (expert >= 0) {
        source.readRow(sourceRows.of(pair, expert), row, 0, hidden);
        kernels.addScaled(
            weights == null ? 1f : weights.getFloat(token, slot), row, 0, sum, hidden);
      }
    }
    epilogue.apply(token, 0, sum, hidden);
    if (norm != null) {
      norm.row(token, sum); // in F32, whatever the output is
    }
  }
}
