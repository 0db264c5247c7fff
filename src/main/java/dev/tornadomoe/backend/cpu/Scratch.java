package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.host.BufferRef;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;

/// One worker's arrays: activations as they come and staged as kernels want them, and a tile of
/// results. Made once for a session's step, so that running it allocates nothing.
final class Scratch {
  /// Tokens that are staged together.
  static final int TOKENS = 32;

  private final int columns;
  private final float[] rows;
  private final long[] rowIds;
  private final StagedRows[] staged;
  private int tokens;
  private long run = -1;
  private long version;

  /// Results of the up projection, of the down projection, or of any single one.
  final float[] result;

  /// Results of the gate projection.
  final float[] gate;

  /// For the kernels.
  final float[] work;

  /// Room for what some projections need.
  ///
  /// @param kernels what rounds activations
  /// @param tokens the most that are staged together
  /// @param rowTile the most rows that are computed at once
  Scratch(CpuKernels kernels, Collection<Projection> projections, int tokens, int rowTile) {
    Set<RowForm> forms = new LinkedHashSet<>();
    projections.forEach(projection -> forms.addAll(projection.forms()));
    columns = projections.iterator().next().columns();
    rows = new float[tokens * columns];
    rowIds = new long[tokens];
    staged =
        forms.stream()
            .map(form -> new StagedRows(form, kernels, tokens))
            .toArray(StagedRows[]::new);
    result = new float[tokens * rowTile];
    gate = new float[tokens * rowTile];
    work = new float[projections.stream().mapToInt(Projection::workSize).max().orElse(0)];
  }

  /// Reads the rows of a group, unless they are the ones that were read last: a worker's next tile
  /// is mostly the same group's.
  ///
  /// @param newRun of the step: in another one rows have other values
  void read(long newRun, BufferRef input, TokenGroups groups, int group, int first, int count) {
    boolean same = run == newRun && tokens == count;
    for (int i = 0; i < count; i++) {
      long id = groups.input(group, first + i);
      same &= rowIds[i] == id;
      rowIds[i] = id;
    }
    if (!same) {
      run = newRun;
      tokens = count;
      version++;
      for (int i = 0; i < count; i++) {
        input.readRow(rowIds[i], rows, i * columns, columns);
      }
    }
  }

  /// Reads a single row, unless it is the one that was read last.
  void read(long newRun, BufferRef input, long row) {
    if (run != newRun || tokens != 1 || rowIds[0] != row) {
      run = newRun;
      tokens = 1;
      rowIds[0] = row;
      version++;
      input.readRow(row, rows, 0, columns);
    }
  }

  /// How many rows have been read.
  int tokens() {
    return tokens;
  }

  /// The rows as a linear layer wants them, staged now or already.
  StagedRows staged(CpuLinear linear) {
    RowForm form = linear.form();
    for (StagedRows rowsOfForm : staged) {
      if (rowsOfForm.form().equals(form)) {
        rowsOfForm.stage(version, rows, tokens, linear.columnOrder());
        return rowsOfForm;
      }
    }
    throw new IllegalStateException("no room for " + form);
  }
}
