package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.Rounding;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import dev.tornadomoe.backend.host.BufferRef;

/// A group of activation rows, as they come and staged as kernels want them. They are kept until
/// others are read: a worker's next tile is mostly the same group's.
final class InputRows {
  private final float[] rows;
  private final long[] rowIds;
  private final StagedRows[] staged;
  private int forms;
  private int tokens;
  private long run = -1;
  private long version;

  /// @param rounding what rounds activations
  InputRows(ScratchSize.Slot size, Rounding rounding) {
    rows = new float[size.elements()];
    rowIds = new long[size.tokens()];
    staged = new StagedRows[size.forms()];
    for (int i = 0; i < staged.length; i++) {
      staged[i] = new StagedRows(size.staged(), rounding);
    }
  }

  /// Reads the rows of a group, unless they are the ones that were read last.
  ///
  /// @param newRun of the step: in another one rows have other values
  void read(
      long newRun,
      BufferRef input,
      TokenGroups groups,
      int group,
      int first,
      int count,
      int columns) {
    boolean same = run == newRun && tokens == count;
    for (int i = 0; i < count; i++) {
      long id = groups.input(group, first + i);
      same &= rowIds[i] == id;
      rowIds[i] = id;
    }
    if (!same) {
      begin(newRun, count);
      for (int i = 0; i < count; i++) {
        input.readRow(rowIds[i], rows, i * columns, columns);
      }
    }
  }

  /// Reads a single row, unless it is the one that was read last.
  void read(long newRun, BufferRef input, long row, int columns) {
    if (run != newRun || tokens != 1 || rowIds[0] != row) {
      begin(newRun, 1);
      rowIds[0] = row;
      input.readRow(row, rows, 0, columns);
    }
  }

  private void begin(long newRun, int count) {
    run = newRun;
    tokens = count;
    forms = 0;
    version++;
  }

  /// How many rows have been read.
  int tokens() {
    return tokens;
  }

  /// Room for a row that is not staged.
  float[] row() {
    run = -1;
    return rows;
  }

  /// The rows as a linear layer wants them, staged now or already.
  StagedRows staged(CpuLinear linear) {
    RowForm form = linear.form();
    for (int i = 0; i < forms; i++) {
      if (staged[i].form().equals(form)) {
        staged[i].stage(form, version, rows, tokens, linear.columnOrder());
        return staged[i];
      }
    }
    StagedRows next = staged[forms++];
    next.stage(form, version, rows, tokens, linear.columnOrder());
    return next;
  }
}
