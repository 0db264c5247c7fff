package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import java.util.List;
import java.util.function.Supplier;

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
    ModelConfig config = checkpoint.config();
    return new MoeModel(
        checkpoint, config.modelType(), namingTheConfig(config, () -> layout(config)));
  }

  private static ModelLayout layout(ModelConfig config) {
    ModelLayout layout = MoeFamilies.of(config).layout(config);
    if (layout.gating().topK() > layout.experts()) {
      throw new LayerException(
          "top-k is %d, but there are only %d experts"
              .formatted(layout.gating().topK(), layout.experts()));
    }
    return layout;
  }

  /// Tensors are checked against the config, so a layer that can't be is described by the config:
  /// messages of parts that know no file begin with it.
  private static <T> T namingTheConfig(ModelConfig config, Supplier<T> reading) {
    try {
      return reading.get();
    } catch (LayerException e) {
      throw new LayerException("%s: %s".formatted(config.file(), e.getMessage()), e);
    }
  }

  /// The config's `model_type`.
  public String modelType() {
    return modelType;
  }

  /// H.
  public int hidden() {
    return layout.hidden();
  }

  ModelLayout layout() {
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
    return namingTheConfig(
        checkpoint.config(), () -> new LayerReader(checkpoint, layout, index).read());
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
