package dev.tornadomoe.layer.family;

import dev.tornadomoe.layer.RmsNorm;
import org.jspecify.annotations.Nullable;

/// Norms inside a model's MoE layers ([dev.tornadomoe.layer.OwnNorms]), which lie in the layer,
/// beside or in the block. Each is null where the model has none.
///
/// @param norm all of them, with the config's `rms_norm_eps`
/// @param router before the router
/// @param experts before the experts
/// @param output of the finished sum
public record NormsLayout(
    RmsNorm norm, @Nullable Weights router, @Nullable Weights experts, @Nullable Weights output) {

  /// No norms at all.
  static final NormsLayout NONE = new NormsLayout(new RmsNorm(1e-6f), null, null, null);

  /// The weights of one.
  ///
  /// @param tensor its name inside the layer, `[H]`
  /// @param scale of all of them
  public record Weights(String tensor, float scale) {}
}
