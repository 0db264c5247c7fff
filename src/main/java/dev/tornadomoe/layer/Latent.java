package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.Weight;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What stands around routed experts that work on rows of another size than the layer's (Nemotron 3
/// Super): they get `in x + inBias`, and of their weighted sum s the layer's result has `out s +
/// outBias`. Router and shared experts see x itself.
///
/// @param in `[Z, H]`
/// @param out `[H, Z]`
/// @param inBias `[Z]` or null
/// @param outBias `[H]` or null
public record Latent(Weight in, Weight out, @Nullable Bias inBias, @Nullable Bias outBias) {

  /// Checked against each other.
  ///
  /// @throws LayerException when the projections do not fit
  public Latent {
    if (out.rows() != in.columns() || out.columns() != in.rows()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "weight \"%s\" is [%d, %d], expected [%d, %d]",
              out.name(),
              out.rows(),
              out.columns(),
              in.columns(),
              in.rows()));
    }
    Mlp.requireSize(inBias, in.rows());
    Mlp.requireSize(outBias, out.rows());
  }

  /// {@return H, the width of the layer's rows}
  public int hidden() {
    return in.columns();
  }

  /// {@return Z, the width of the experts' rows}
  public int size() {
    return in.rows();
  }
}
