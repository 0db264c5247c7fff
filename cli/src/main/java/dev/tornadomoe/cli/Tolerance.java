package dev.tornadomoe.cli;

import dev.tornadomoe.parallel.DispatchFormat;
import dev.tornadomoe.plan.Precision;
import java.util.Locale;

/// How far an output may be off.
///
/// @param ofMost whether the largest error counts, or their rms
/// @param limit by rms(expected)
record Tolerance(boolean ofMost, double limit) {
  /// For exact activations.
  static final Tolerance EXACT = new Tolerance(true, 2e-5);

  /// What rounding allows for. Single elements are off by more, the more of them there are, so the
  /// rms of the errors counts.
  ///
  /// @param precision activations rounded to 8 bits in products: 1e-2
  /// @param dispatch rows rounded on their way, which is coarser: 3e-2 for INT8, 8e-2 for FP8, half
  ///   as much again as the worst of the golden cases
  static Tolerance of(Precision precision, DispatchFormat dispatch) {
    return switch (dispatch) {
      case F32 -> precision == Precision.EXACT ? EXACT : new Tolerance(false, 1e-2);
      case INT8 -> new Tolerance(false, 3e-2);
      case FP8 -> new Tolerance(false, 8e-2);
    };
  }

  /// Whether an error is within it; a NaN is not.
  boolean holds(Comparison.Deviation error) {
    return (ofMost ? error.most() : error.rms()) <= limit;
  }

  /// The error that counts, as the command prints it.
  String text(Comparison.Deviation error) {
    return ofMost
        ? String.format(Locale.ROOT, "max error %.1e x rms", error.most())
        : String.format(Locale.ROOT, "rms of error %.1e x rms", error.rms());
  }
}
