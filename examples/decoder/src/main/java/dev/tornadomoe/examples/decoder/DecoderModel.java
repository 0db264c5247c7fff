package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.layer.MoeLayer;
import java.util.List;

/// A model's sizes and weights. Those of the experts are loaded by the library.
///
/// @param embedding `[vocabulary, H]`
/// @param norm of H elements, before the head
/// @param head `[vocabulary, H]`
/// @param release gives back what holds the weights
public record DecoderModel(
    DecoderConfig config,
    Matrix embedding,
    List<Layer> layers,
    Norm norm,
    Matrix head,
    Runnable release)
    implements AutoCloseable {

  /// One layer. q, k and v are `[heads * headDim, H]` (k and v of their own heads), o `[H, heads *
  /// headDim]`.
  ///
  /// @param attentionNorm of H elements, before attention
  /// @param queryNorm of a head
  /// @param keyNorm of a head
  /// @param moeNorm of H elements, before the MoE layer
  public record Layer(
      Norm attentionNorm,
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix o,
      Norm queryNorm,
      Norm keyNorm,
      Norm moeNorm,
      MoeLayer moe) {}

  @Override
  public void close() {
    release.run();
  }
}
