package dev.tornadomoe.backend.cpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Activations in the form that a kernel reads, made once for a tile of tokens and used by every
/// matrix that wants the same form. A worker's own, so that staging allocates nothing.
final class StagedRows {
  private static final float[] NONE = {};
  private static final int[] NO_INTS = {};

  /// Where a row on its way begins: there is an element before it.
  static final int ROW_AT = 1;

  private final RowForm form;
  private final CpuKernels kernels;

  /// A row on its way, from [#ROW_AT] on.
  final float[] row;

  /// A chunk of factors on its way.
  final int[] chunk;

  /// [RowForm.Plain] and [RowForm.Floats]: the activations.
  final float[] floats;

  /// [RowForm.Floats]: their sum in each group.
  final float[] sums;

  /// [RowForm.Rounded]: what lanes of nibbles are multiplied by, twice in each int.
  final int[] factors;

  /// [RowForm.Rounded]: what each chunk's sum begins with, twice in each int.
  final int[] biases;

  /// [RowForm.Rounded]: each chunk's scale, divided by 2^16.
  final float[] scales;

  /// [RowForm.Rounded]: minus the sum of each chunk, times 2^16.
  final float[] totals;

  private int tokens;
  private long version = -1;
  private int @Nullable [] order;

  /// Room for rows.
  ///
  /// @param kernels what rounds them
  /// @param most how many
  StagedRows(RowForm form, CpuKernels kernels, int most) {
    this.form = form;
    this.kernels = kernels;
    int padded =
        switch (form) {
          case RowForm.Plain plain -> plain.paddedColumns();
          case RowForm.Floats rows -> rows.groups().paddedColumns();
          case RowForm.Rounded rows -> rows.groups().paddedColumns();
        };
    boolean rounded = form instanceof RowForm.Rounded;
    int chunks = form instanceof RowForm.Rounded rows ? rows.groups().chunks() : 0;
    this.row = form instanceof RowForm.Plain ? NONE : new float[ROW_AT + padded];
    this.chunk = rounded ? new int[Int4Groups.CHUNK * Int4Blocks.QUAD] : NO_INTS;
    this.floats = rounded ? NONE : new float[most * padded];
    this.sums =
        form instanceof RowForm.Floats rows ? new float[most * rows.groups().count()] : NONE;
    this.factors = rounded ? new int[most * padded] : NO_INTS;
    this.biases = rounded ? new int[most * chunks] : NO_INTS;
    this.scales = rounded ? new float[most * chunks] : NONE;
    this.totals = rounded ? new float[most * chunks] : NONE;
  }

  RowForm form() {
    return form;
  }

  /// How many rows are staged.
  int tokens() {
    return tokens;
  }

  /// Stages rows, unless they are staged already.
  ///
  /// @param newVersion of the rows: another one whenever they are others
  /// @param rows one behind the other
  /// @param count how many
  /// @param newOrder for each staged column the one that it comes from, or null for the same
  @SuppressWarnings(
      "ReferenceEquality") // comparing what orders contain would cost more than it saves
  void stage(long newVersion, float[] rows, int count, int @Nullable [] newOrder) {
    if (version == newVersion && order == newOrder) {
      return;
    }
    version = newVersion;
    order = newOrder;
    tokens = count;
    switch (form) {
      case RowForm.Plain plain -> stagePlain(plain, rows);
      case RowForm.Floats interleaved ->
          FloatRows.stage(this, interleaved.groups(), rows, newOrder);
      case RowForm.Rounded rounded ->
          RoundedRows.stage(this, kernels, rounded.groups(), rows, newOrder);
    }
  }

  private void stagePlain(RowForm.Plain plain, float[] rows) {
    for (int token = 0; token < tokens; token++) {
      int to = token * plain.paddedColumns();
      gather(rows, token * plain.columns(), plain.columns(), floats, to, order);
      Arrays.fill(floats, to + plain.columns(), to + plain.paddedColumns(), 0f);
    }
  }

  /// Brings a row into [#row], in another order where there is one, with zeros behind it.
  void takeRow(float[] rows, int token, int columns, int @Nullable [] columnOrder) {
    gather(rows, token * columns, columns, row, ROW_AT, columnOrder);
    Arrays.fill(row, ROW_AT + columns, row.length, 0f);
  }

  private static void gather(
      float[] rows, int from, int columns, float[] target, int to, int @Nullable [] columnOrder) {
    if (columnOrder == null) {
      System.arraycopy(rows, from, target, to, columns);
      return;
    }
    for (int column = 0; column < columns; column++) {
      target[to + column] = rows[from + columnOrder[column]];
    }
  }
}
