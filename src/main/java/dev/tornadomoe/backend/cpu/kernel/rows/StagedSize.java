package dev.tornadomoe.backend.cpu.kernel.rows;

/// How large the arrays of [StagedRows] are, in elements of 4 bytes.
///
/// @param row a row on its way, for each of two arrays: of [RowForm.Floats] and [RowForm.Rounded]
/// @param floats of [RowForm.Plain] and [RowForm.Floats]
/// @param sums of [RowForm.Floats]
/// @param factors of [RowForm.Rounded]
/// @param chunks of [RowForm.Rounded], for each of three arrays
public record StagedSize(int row, int floats, int sums, int factors, int chunks) {
  /// What the JVM adds to an array.
  private static final int ARRAY_HEADER = 16;

  public static final StagedSize NONE = new StagedSize(0, 0, 0, 0, 0);

  /// What rows in a form need.
  ///
  /// @param tokens how many rows
  public static StagedSize of(RowForm form, int tokens) {
    return switch (form) {
      case RowForm.Plain plain ->
          // They come in the order of their columns, and are read to where they stay.
          new StagedSize(0, tokens * plain.paddedColumns(), 0, 0, 0);
      case RowForm.Floats floats -> {
        int padded = floats.groups().paddedColumns();
        yield new StagedSize(row(padded), tokens * padded, tokens * floats.groups().count(), 0, 0);
      }
      case RowForm.Rounded rounded -> {
        int padded = rounded.groups().paddedColumns();
        yield new StagedSize(
            row(padded), 0, 0, tokens * padded, tokens * rounded.groups().chunks());
      }
    };
  }

  private static int row(int paddedColumns) {
    return StagedRows.ROW_AT + paddedColumns;
  }

  /// Room for either.
  public StagedSize max(StagedSize other) {
    return new StagedSize(
        Math.max(row, other.row),
        Math.max(floats, other.floats),
        Math.max(sums, other.sums),
        Math.max(factors, other.factors),
        Math.max(chunks, other.chunks));
  }

  public long bytes() {
    return 2 * array(row) + array(floats) + array(sums) + array(factors) + 3 * array(chunks);
  }

  /// Bytes of an array of so many elements.
  public static long array(int elements) {
    return ARRAY_HEADER + 4L * elements;
  }
}
