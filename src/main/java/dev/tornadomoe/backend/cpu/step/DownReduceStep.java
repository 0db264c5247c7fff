package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.layer.ExpertMap;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Down projection, weighting and sum at once, for few tokens. A work item is one token and one
/// tile of rows: it goes through the token's experts in the order of their slots and writes
/// finished elements.
public final class DownReduceStep implements HostStep, WorkerTeam.Task {
  private final SessionTeam team;
  private final SessionScratch scratch;
  private final List<CpuMlp> experts;
  private final ExpertMap map;
  private final CpuKernels kernels;
  private final BufferRef activated;
  private final BufferRef ids;
  private final @Nullable BufferRef weights;
  private final Epilogue epilogue;
  private final int topK;
  private final int rows;
  private final int columns;
  private int rowTile;
  private int tiles;
  private long run;

  public DownReduceStep(
      SessionTeam team,
      SessionScratch scratch,
      List<CpuMlp> experts,
      ExpertMap map,
      int topK,
      BufferRef activated,
      BufferRef ids,
      @Nullable BufferRef weights,
      Epilogue epilogue) {
    this.team = team;
    this.scratch = scratch;
    this.experts = experts;
    this.map = map;
    this.kernels = experts.getFirst().kernels();
    this.topK = topK;
    this.activated = activated;
    this.ids = ids;
    this.weights = weights;
    this.epilogue = epilogue;
    this.rows = experts.getFirst().down().rows();
    this.columns = experts.getFirst().down().columns();
  }

  @Override
  public void run(int tokens) {
    rowTile = RowTile.of(rows, tokens, team.threads());
    tiles = Math.ceilDiv(rows, rowTile);
    run = scratch.nextRun();
    team.run(this, tokens * tiles);
  }

  @Override
  public void run(int item, int worker) {
    int token = item / tiles;
    int rowFrom = item % tiles * rowTile;
    int rowTo = Math.min(rows, rowFrom + rowTile);
    Scratch mine = scratch.of(worker);
    float[] sum = mine.sum;
    Arrays.fill(sum, 0, RowTile.stride(rowTo - rowFrom), 0f);
    for (int slot = 0; slot < topK; slot++) {
      long pair = (long) token * topK + slot;
      int expert = map.localOf(ids.getInt(pair));
      if (expert < 0) {
        continue;
      }
      // A row for each slot: a worker's next tile is mostly the same token's.
      mine.take(run, activated, slot, pair, columns);
      CpuLinear down = experts.get(expert).down();
      down.apply(rowFrom, rowTo, mine, mine.result, RowTile.stride(rowTo - rowFrom));
      float weight = weights == null ? 1f : weights.getFloat(token, slot);
      kernels.addScaled(weight, mine.result, 0, sum, rowTo - rowFrom);
    }
    epilogue.apply(token, rowFrom, sum, rowTo - rowFrom);
  }
}
