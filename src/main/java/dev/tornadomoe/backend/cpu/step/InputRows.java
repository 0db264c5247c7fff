package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.Rounding;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.RowSource;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import dev.tornadomoe.backend.host.BufferRef;
import org.jspecify.annotations.Nullable;

/// A group of activation rows, staged as kernels want them. They are kept until others are taken: a
/// worker's next tile is mostly the same group's.
final class InputRows implements RowSource {
  private final long[] rowIds;
  private final StagedRows[] staged;
  private @Nullable BufferRef input;
  private int columns;
  private int forms;
  private int tokens;
  private long run = -1;
  private long version;

  /// @param rounding what rounds activations
  InputRows(ScratchSize.Slot size, Rounding rounding) {
    rowIds = new long[size.tokens()];
    staged = new StagedRows[size.forms()];
    for (int i = 0; i < staged.length; i++) {
      staged[i] = new StagedRows(size.staged(), rounding);
    }
  }

  /// Takes the rows of a group, unless they are the ones that were taken last.
  ///
  /// @param newRun of the step: in another one rows have other values
  /// @param from where they lie until the step ends
  void take(long newRun, BufferRef from, TokenGroups groups, int group, int rowColumns) {
    int count = groups.size(group);
    boolean same = run == newRun && tokens == count;
    for (int i = 0; i < count; i++) {
      long id = groups.input(group, i);
      same &= rowIds[i] == id;
      rowIds[i] = id;
    }
    if (!same) {
      begin(newRun, from, count, rowColumns);
    }
  }

  /// Takes a single row, unless it is the one that was taken last.
  void take(long newRun, BufferRef from, long row, int rowColumns) {
    if (run != newRun || tokens != 1 || rowIds[0] != row) {
      rowIds[0] = row;
      begin(newRun, from, 1, rowColumns);
    }
  }

  private void begin(long newRun, BufferRef from, int count, int rowColumns) {
    run = newRun;
    input = from;
    tokens = count;
    columns = rowColumns;
    forms = 0;
    version++;
  }

  /// How many rows have been taken.
  int tokens() {
    return tokens;
  }

  @Override
  public void read(int row, float[] target, int at) {
    BufferRef from = input;
    if (from == null) {
      throw new IllegalStateException("no rows have been taken");
    }
    from.readRow(rowIds[row], target, at, columns);
  }

  /// The rows as a linear layer wants them, staged now or already.
  StagedRows staged(CpuLinear linear) {
    RowForm form = linear.form();
    for (int i = 0; i < forms; i++) {
      if (staged[i].form().equals(form)) {
        staged[i].stage(form, version, this, tokens, linear.columnOrder());
        return staged[i];
      }
    }
    StagedRows next = staged[forms++];
    next.stage(form, version, this, tokens, linear.columnOrder());
    return next;
  }
}
