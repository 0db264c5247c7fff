package com.example;

import com.github.tjake.jlama.model.MoEBlock;
import com.github.tjake.jlama.model.mixtral.MixtralConfig;
import com.github.tjake.jlama.safetensors.SafeTensorSupport;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.util.JsonSupport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/// The MoE blocks of a model, of tensors that Jlama has loaded.
@SuppressWarnings("rawtypes") // Jlama's tensors
public final class MixtralBlocks {
  private final BareMixtral model;
  private final MixtralConfig config;
  private final WeightLoader weights;

  public MixtralBlocks(MixtralConfig config, WeightLoader weights) {
    this.model = new BareMixtral(config, weights);
    this.config = config;
    this.weights = weights;
  }

  /// @param directory with config.json and safetensors files
  public static MixtralBlocks open(Path directory) {
    WeightLoader weights = SafeTensorSupport.loadWeights(directory.toFile());
    try {
      MixtralConfig config =
          JsonSupport.om.readValue(directory.resolve("config.json").toFile(), MixtralConfig.class);
      return new MixtralBlocks(config, weights);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Jlama's own block.
  public MoEBlock jlama(int layer) {
    return new MoEBlock(
        model,
        config.numberOfExperts,
        config.numberOfExpertsPerToken,
        config.activationFunction,
        weights.load(name(layer, "gate")),
        experts(layer, "w1"),
        experts(layer, "w2"),
        experts(layer, "w3"));
  }

  /// The same on a session of the library.
  public SessionFeedForward session(int layer) {
    return new SessionFeedForward(
        model,
        config.numberOfExperts,
        config.numberOfExpertsPerToken,
        config.activationFunction,
        weights.load(name(layer, "gate")),
        experts(layer, "w1"),
        experts(layer, "w2"),
        experts(layer, "w3"));
  }

  private AbstractTensor[] experts(int layer, String matrix) {
    AbstractTensor[] experts = new AbstractTensor[config.numberOfExperts];
    for (int e = 0; e < experts.length; e++) {
      experts[e] = weights.load(name(layer, "experts." + e + "." + matrix));
    }
    return experts;
  }

  private static String name(int layer, String module) {
    return "model.layers." + layer + ".block_sparse_moe." + module + ".weight";
  }
}
