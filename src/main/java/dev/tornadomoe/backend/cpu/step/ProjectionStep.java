package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.team.WorkerTeam;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Sends groups of rows through their projections. A work item is one group and one tile of the
/// projection's rows; it is the only one that writes these elements.
public final class ProjectionStep implements HostStep, WorkerTeam.Task {
  private final SessionTeam team;
  private final SessionScratch scratch;
  private final List<Projection> projections;
  private final TokenGroups groups;
  private final BufferRef input;
  private final BufferRef output;
  private final int rows;
  private final int columns;
  private final float @Nullable [] factors;
  private int rowTile;
  private int tiles;
  private long run;

  /// A step over projections of the same size.
  ///
  /// @param projections what [TokenGroups#projection] indexes
  public ProjectionStep(
      SessionTeam team,
      SessionScratch scratch,
      List<Projection> projections,
      TokenGroups groups,
      BufferRef input,
      BufferRef output) {
    this(team, scratch, projections, groups, input, output, null);
  }

  /// A step whose output rows are multiplied by a factor each.
  ///
  /// @param factors one for each output row, read when the step runs, or null
  ProjectionStep(
      SessionTeam team,
      SessionScratch scratch,
      List<Projection> projections,
      TokenGroups groups,
      BufferRef input,
      BufferRef output,
      float @Nullable [] factors) {
    this.team = team;
    this.scratch = scratch;
    this.projections = projections;
    this.groups = groups;
    this.input = input;
    this.output = output;
    this.factors = factors;
    this.rows = projections.getFirst().rows();
    this.columns = projections.getFirst().columns();
  }

  @Override
  public void run(int tokens) {
    int count = groups.begin(tokens);
    rowTile = RowTile.of(rows, count, team.threads());
    tiles = Math.ceilDiv(rows, rowTile);
    run = scratch.nextRun();
    team.run(this, count * tiles);
  }

  @Override
  public void run(int item, int worker) {
    int group = item / tiles;
    int rowFrom = item % tiles * rowTile;
    int rowTo = Math.min(rows, rowFrom + rowTile);
    int stride = RowTile.stride(rowTo - rowFrom);
    Projection projection = projections.get(groups.projection(group));
    Scratch mine = scratch.of(worker);
    mine.take(run, input, groups, group, columns);
    projection.apply(rowFrom, rowTo, mine, stride);
    for (int i = 0; i < mine.tokens(); i++) {
      long row = groups.output(group, i);
      if (factors != null) {
        scale(mine.result, i * stride, rowTo - rowFrom, factors[(int) row]);
      }
      output.writeRow(row, rowFrom, mine.result, i * stride, rowTo - rowFrom);
    }
  }

  private static void scale(float[] values, int at, int count, float factor) {
    for (int i = at; i < at + count; i++) {
      values[i] *= factor;
    }
  }
}
