package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.TensorView;
import java.util.Locale;

/// A norm with weights of its own: `norm(x) * weights * scale`.
///
/// @param norm what it computes
/// @param weights `[H]`, F32, F16 or BF16
/// @param scale of all weights
public record WeightedNorm(RmsNorm norm, TensorView weights, float scale) {

  /// Checked.
  ///
  /// @throws LayerException for weights that are no vector of floats, or a scale that is no finite
  ///   number
  public WeightedNorm {
    if (weights.shape().rank() != 1 || !weights.dtype().isFloat()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "norm \"%s\" is %s %s, expected F32, F16 or BF16 of one dimension",
              weights.name(),
              weights.dtype(),
              weights.shape()));
    }
    if (!Float.isFinite(scale)) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "the scale of norm \"%s\" must be finite, found %s",
              weights.name(),
              scale));
    }
  }

  /// {@return H, the elements of a row}
  public int size() {
    return Math.toIntExact(weights.shape().elements());
  }

  /// {@return what each element of a row is multiplied by, read from the file}
  public float[] factors() {
    float[] factors = weights.toFloats();
    for (int i = 0; i < factors.length; i++) {
      factors[i] *= scale;
    }
    return factors;
  }
}
