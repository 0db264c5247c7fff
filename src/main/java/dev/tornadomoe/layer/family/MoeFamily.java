package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import java.util.Map;
import java.util.Set;

/// A kind of model: knows what its config means and what its checkpoints call their tensors, and
/// does no arithmetic.
///
/// To add one, implement this, with a constructor without arguments, and name the class in
/// `META-INF/services/dev.tornadomoe.layer.family.MoeFamily`; or give an instance to
/// [MoeFamilies.Builder#add]. `docs/families.md` has a complete example.
public interface MoeFamily {

  /// {@return the values of `model_type` that stand for it: those of the language model's own
  /// config where that is inside another one's}
  Set<String> modelTypes();

  /// What a config of this family describes. Called once for each [MoeModel]; it reads no tensor.
  ///
  /// @param config of the language model
  /// @return names, sizes and gating of its MoE layers; [MoeModel] refuses a layout whose parts
  ///   don't go together
  /// @throws dev.tornadomoe.MoeException when the config lacks something or contradicts itself;
  ///   [MoeModel] adds to a [dev.tornadomoe.layer.LayerException] which config it is
  ModelLayout layout(ModelConfig config);

  /// Stacks of MoE layers that a checkpoint has beside the one of [#layout], by the names under
  /// which users ask for them ([MoeModel#part]): Qwen3-Omni's talker, the experts for images. None
  /// unless a family has some. Called when a part is asked for; it reads no tensor.
  ///
  /// @param config of the language model
  /// @return what the config says of each
  /// @throws dev.tornadomoe.MoeException as [#layout]
  default Map<String, ModelLayout> parts(ModelConfig config) {
    return Map.of();
  }
}
