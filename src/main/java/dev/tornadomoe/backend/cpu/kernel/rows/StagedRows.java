package dev.tornadomoe.backend.cpu.kernel.rows;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Activations in the form that a kernel reads, made once for a tile of tokens and used by every
/// matrix that wants the same form. A worker's own, so that staging allocates nothing.
public final class StagedRows {
  /// Where a row on its way begins: there is an element before it.
  static final int ROW_AT = 1;

  private final Rounding rounding;

  /// A row on its way, from [#ROW_AT] on.
  final float[] row;

  /// The same before its columns are brought into another order.
  private final float[] unordered;

  /// [RowForm.Plain] and [RowForm.Floats]: the activations.
  public final float[] floats;

  /// [RowForm.Floats]: their sum in each group.
  public final float[] sums;

  /// [RowForm.Rounded]: what lanes of nibbles are multiplied by, twice in each int.
  public final int[] factors;

  /// [RowForm.Rounded]: what each chunk's sum begins with, twice in each int.
  public final int[] biases;

  /// [RowForm.Rounded]: each chunk's scale, divided by 2^16.
  public final float[] scales;

  /// [RowForm.Rounded]: minus the sum of each chunk, times 2^16.
  public final float[] totals;

  private @Nullable RowForm form;
  private int tokens;
  private long version = -1;
  private int @Nullable [] order;

  /// Room for rows.
  ///
  /// @param rounding what rounds them
  public StagedRows(StagedSize size, Rounding rounding) {
    this.rounding = rounding;
    this.row = new float[size.row()];
    this.unordered = new float[size.row()];
    this.floats = new float[size.floats()];
    this.sums = new float[size.sums()];
    this.factors = new int[size.factors()];
    this.biases = new int[size.chunks()];
    this.scales = new float[size.chunks()];
    this.totals = new float[size.chunks()];
  }

  /// The form in which rows were staged last.
  public RowForm form() {
    RowForm last = form;
    if (last == null) {
      throw new IllegalStateException("nothing has been staged");
    }
    return last;
  }

  /// How many rows are staged.
  public int tokens() {
    return tokens;
  }

  /// Stages rows, unless they are staged already.
  ///
  /// @param newForm in which
  /// @param newVersion of the rows: another one whenever they are others
  /// @param rows where they lie
  /// @param count how many
  /// @param newOrder for each staged column the one that it comes from, or null for the same
  @SuppressWarnings(
      "ReferenceEquality") // comparing what orders contain would cost more than it saves
  public void stage(
      RowForm newForm, long newVersion, RowSource rows, int count, int @Nullable [] newOrder) {
    if (version == newVersion && order == newOrder) {
      return;
    }
    form = newForm;
    version = newVersion;
    order = newOrder;
    tokens = count;
    for (int token = 0; token < count; token++) {
      switch (newForm) {
        case RowForm.Plain plain ->
            take(rows, token, plain, plain.paddedColumns(), floats, token * plain.paddedColumns());
        case RowForm.Floats scaled -> {
          take(rows, token, scaled, scaled.groups().paddedColumns(), row, ROW_AT);
          FloatRows.stage(this, scaled.groups(), token);
        }
        case RowForm.Rounded rounded -> {
          take(rows, token, rounded, rounded.groups().paddedColumns(), row, ROW_AT);
          RoundedRows.stage(this, rounding, rounded.groups(), token);
        }
      }
    }
  }

  /// Copies a row, in another order where there is one, with zeros behind it.
  ///
  /// @param paddedColumns up to where zeros are
  private void take(
      RowSource rows, int token, RowForm as, int paddedColumns, float[] target, int to) {
    int columns = as.columns();
    int[] from = order;
    if (from == null) {
      rows.read(token, target, to);
    } else {
      rows.read(token, unordered, 0);
      for (int column = 0; column < columns; column++) {
        target[to + column] = unordered[from[column]];
      }
    }
    Arrays.fill(target, to + columns, to + paddedColumns, 0f);
  }
}
