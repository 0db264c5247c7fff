package dev.tornadomoe.backend.cpu.kernel.rows;

import dev.tornadomoe.plan.Precision;

/// In what form a kernel wants its activations, one row behind the other. Equal forms are staged
/// once for several matrices.
public sealed interface RowForm {

  /// What kernels for 4-bit weights want.
  static RowForm int4(int columns, int groupSize, Precision precision) {
    Int4Groups groups = new Int4Groups(columns, groupSize);
    return precision == Precision.FAST ? new Rounded(groups) : new Floats(groups);
  }

  /// Elements of a row as it comes.
  int columns();

  /// Rows as they come, with zeros behind them.
  ///
  /// @param paddedColumns elements from one row to the next
  record Plain(int columns, int paddedColumns) implements RowForm {}

  /// F32 for 4-bit weights, with the sum of each group. See [FloatRows].
  record Floats(Int4Groups groups) implements RowForm {
    @Override
    public int columns() {
      return groups.columns();
    }
  }

  /// Whole numbers for 4-bit weights: each chunk of at most 32 columns has its own scale. See
  /// [RoundedRows].
  record Rounded(Int4Groups groups) implements RowForm {
    @Override
    public int columns() {
      return groups.columns();
    }
  }
}
