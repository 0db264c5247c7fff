package dev.tornadomoe.layer;

import java.util.Locale;

/// The norm by the root of the mean square: `y[i] = x[i] / sqrt(mean of x^2 + epsilon) * weight[i]`
/// (Zhang and Sennrich 2019, RMSNorm). Models that multiply by `1 + weight` have that sum as the
/// weight.
///
/// @param epsilon above 0
public record RmsNorm(float epsilon) {

  /// Checked.
  ///
  /// @throws LayerException for an epsilon that is not above 0, or no number
  public RmsNorm {
    if (!(epsilon > 0) || Float.isInfinite(epsilon)) {
      throw new LayerException(
          String.format(Locale.ROOT, "the epsilon of a norm must be above 0, found %s", epsilon));
    }
  }
}
