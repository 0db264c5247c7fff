package dev.tornadomoe.tensor;

import java.util.Locale;

/// Which rows of a stored matrix a weight takes: all of them, one half of a fused gate and up
/// projection, or every second one where the two are interleaved.
///
/// @param count how many
/// @param first the first one
/// @param step the distance to the next
public record RowSelection(int count, int first, int step) {

  /// Checks the numbers.
  ///
  /// @throws IllegalArgumentException for numbers that select nothing sensible
  public RowSelection {
    if (count < 0 || first < 0 || step < 1) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%d rows from %d in steps of %d", count, first, step));
    }
  }

  /// {@return the first `count` rows}
  ///
  /// @param count 0 or more
  public static RowSelection all(int count) {
    return new RowSelection(count, 0, 1);
  }

  /// {@return the stored row that a row of the weight is}
  ///
  /// @param row of the weight, from 0
  public int stored(int row) {
    return first + row * step;
  }

  /// @throws IllegalArgumentException when the last one is not among `stored` rows
  void requireWithin(long stored) {
    if (count > 0 && first + (count - 1L) * step >= stored) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "%d rows from %d in steps of %d, of %d", count, first, step, stored));
    }
  }
}
