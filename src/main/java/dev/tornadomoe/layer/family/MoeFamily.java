package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import java.util.Set;

/// A kind of model: knows what its config means and what its checkpoints call their tensors.
interface MoeFamily {

  /// The values of `model_type` that stand for it.
  Set<String> modelTypes();

  /// What a config of this family describes.
  ///
  /// @throws dev.tornadomoe.MoeException when the config lacks something or contradicts itself;
  ///   [MoeModel] adds to a [dev.tornadomoe.layer.LayerException] which config it is
  ModelLayout layout(ModelConfig config);
}
