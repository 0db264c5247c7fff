package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.layer.ExpertMap;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Down projection, weighting and sum at once, for few tokens. A work item is one token and one
/// tile of rows: it goes through the token's experts in the order of their slots and writes
/// finished elements.
final class DownReduceStep implements HostStep, WorkerTeam.Task {
  private final WorkerTeam team;
  private final List<CpuMlp> experts;
  private final ExpertMap map;
  private final CpuKernels kernels;
  private final BufferRef activated;
  private final BufferRef ids;
  private final @Nullable BufferRef weights;
  private final Finish finish;
  private final int topK;
  private final int rows;
  private final Scratch[][] scratch;
  private final float[][] sums;
  private int rowTile;
  private int tiles;
  private long runs;

  DownReduceStep(
      WorkerTeam team,
      List<CpuMlp> experts,
      ExpertMap map,
      int topK,
      BufferRef activated,
      BufferRef ids,
      @Nullable BufferRef weights,
      Finish finish) {
    this.team = team;
    this.experts = experts;
    this.map = map;
    this.kernels = experts.getFirst().kernels();
    this.topK = topK;
    this.activated = activated;
    this.ids = ids;
    this.weights = weights;
    this.finish = finish;
    this.rows = experts.getFirst().down().rows();
    // A row for each slot: a worker's next tile is mostly the same token's.
    this.scratch = new Scratch[team.threads()][topK];
    int most = Math.min(RowTile.MOST, RowTile.stride(rows));
    this.sums = new float[team.threads()][most];
    List<Projection> downs = experts.stream().map(e -> Projection.of(e.down())).toList();
    for (Scratch[] ofWorker : scratch) {
      Arrays.setAll(ofWorker, slot -> new Scratch(kernels, downs, 1, most));
    }
  }

  @Override
  public void run(int tokens) {
    rowTile = RowTile.of(rows, tokens, team.threads());
    tiles = Math.ceilDiv(rows, rowTile);
    runs++;
    team.run(this, tokens * tiles);
  }

  @Override
  public void run(int item, int worker) {
    int token = item / tiles;
    int rowFrom = item % tiles * rowTile;
    int rowTo = Math.min(rows, rowFrom + rowTile);
    float[] sum = sums[worker];
    Arrays.fill(sum, 0f);
    for (int slot = 0; slot < topK; slot++) {
      long pair = (long) token * topK + slot;
      int expert = map.localOf(ids.getInt(pair));
      if (expert < 0) {
        continue;
      }
      Scratch mine = scratch[worker][slot];
      mine.read(runs, activated, pair);
      CpuLinear down = experts.get(expert).down();
      down.apply(rowFrom, rowTo, mine, mine.result, RowTile.stride(rowTo - rowFrom));
      float weight = weights == null ? 1f : weights.getFloat(token, slot);
      kernels.addScaled(weight, mine.result, 0, sum, rowTo - rowFrom);
    }
    finish.apply(token, rowFrom, sum, rowTo - rowFrom);
  }
}
