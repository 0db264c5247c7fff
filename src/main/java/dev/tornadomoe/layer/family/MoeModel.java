package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import java.util.List;

/// A checkpoint seen as a stack of MoE layers.
public final class MoeModel {
  private final Checkpoint checkpoint;
  private final String modelType;
  private final ModelLayout layout;

  private MoeModel(Checkpoint checkpoint, String modelType, ModelLayout layout) {
    this.checkpoint = checkpoint;
    this.modelType = modelType;
    this.layout = layout;
  }

  /// Reads the config; no tensor yet.
  ///
  /// @throws dev.tornadomoe.MoeException when the model type is unknown or the config contradicts
  ///   itself
  public static MoeModel of(Checkpoint checkpoint) {
    ModelLayout layout = layout(checkpoint.config());
    if (layout.gating().topK() > layout.experts()) {
      throw new LayerException(
          "%s: top-k is %d, but there are only %d experts"
              .formatted(checkpoint.config().file(), layout.gating().topK(), layout.experts()));
    }
    return new MoeModel(checkpoint, checkpoint.config().modelType(), layout);
  }

  private static ModelLayout layout(ModelConfig config) {
    MoeFamily family = MoeFamilies.of(config);
    try {
      return family.layout(config);
    } catch (LayerException e) {
      throw new LayerException("%s: %s".formatted(config.file(), e.getMessage()), e);
    }
  }

  /// The config's `model_type`.
  public String modelType() {
    return modelType;
  }

  /// What the config describes.
  public ModelLayout layout() {
    return layout;
  }

  /// The indices of the MoE layers, ascending.
  public List<Integer> layerIndices() {
    return layout.moeLayers();
  }

  /// One MoE layer: finds its tensors and checks their shapes, without reading them.
  ///
  /// @param index its place in the model, from 0
  /// @throws dev.tornadomoe.MoeException when it is no MoE layer, or its tensors are missing or
  ///   misshapen
  public MoeLayer layer(int index) {
    if (!layout.moeLayers().contains(index)) {
      throw new LayerException(
          "%s: layer %d %s; MoE layers: %s"
              .formatted(
                  checkpoint.directory(),
                  index,
                  index >= 0 && index < layout.layers() ? "is dense" : "does not exist",
                  ranges(layout.moeLayers())));
    }
    try {
      return new LayerReader(checkpoint, layout, index).read();
    } catch (LayerException e) {
      // The parts know what does not fit, not where they come from.
      throw new LayerException("%s: %s".formatted(checkpoint.directory(), e.getMessage()), e);
    }
  }

  /// As in `1-3, 5`.
  private static String ranges(List<Integer> ascending) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ascending.size(); ) {
      int end = i;
      while (end + 1 < ascending.size() && ascending.get(end + 1) == ascending.get(end) + 1) {
        end++;
      }
      text.append(text.isEmpty() ? "" : ", ").append(ascending.get(i));
      if (end > i) {
        text.append('-').append(ascending.get(end));
      }
      i = end + 1;
    }
    return text.isEmpty() ? "none" : text.toString();
  }
}
