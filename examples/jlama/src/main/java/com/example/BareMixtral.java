package com.example;

import com.github.tjake.jlama.model.functions.EmbedInput;
import com.github.tjake.jlama.model.mixtral.MixtralConfig;
import com.github.tjake.jlama.model.mixtral.MixtralModel;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.WeightLoader;
import java.util.Optional;

/// A Mixtral of which nothing is loaded: what a block asks its model for, with Jlama's own choice
/// of types.
final class BareMixtral extends MixtralModel {
  BareMixtral(MixtralConfig config, WeightLoader weights) {
    super(
        InferenceType.INPUT_TO_EMBEDDING,
        config,
        weights,
        null,
        DType.F32,
        DType.I8,
        Optional.empty());
  }

  @Override
  protected EmbedInput loadInputWeights() {
    return null;
  }
}
