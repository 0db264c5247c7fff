package dev.tornadomoe.layer;

import java.util.Locale;

/// A user's own routing.
///
/// @param topK experts per token
/// @param function called once per token, perhaps from several threads at once
public record CustomGating(int topK, RoutingFunction function) implements Gating {

  /// Checked numbers.
  ///
  /// @throws LayerException for k below 1
  public CustomGating {
    if (topK < 1) {
      throw new LayerException(
          String.format(Locale.ROOT, "top-k must be 1 or more, found %d", topK));
    }
  }

  /// Chooses the experts of one token.
  @FunctionalInterface
  public interface RoutingFunction {

    /// Fills ids and weights from the logits. The arrays are reused: keep none of them.
    ///
    /// @param logits `[E]`, not to be changed
    /// @param ids `[k]`, to be filled with distinct expert indices
    /// @param weights `[k]`, to be filled with their weights
    void route(float[] logits, int[] ids, float[] weights);
  }
}
