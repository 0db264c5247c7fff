package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Ranges;
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

  /// Reads the config; no tensor yet. The family is one of [MoeFamilies#installed].
  ///
  /// @throws dev.tornadomoe.MoeException when the model type is unknown or the config contradicts
  ///   itself
  public static MoeModel of(Checkpoint checkpoint) {
    return of(checkpoint, MoeFamilies.installed());
  }

  /// The same with other families.
  ///
  /// @throws dev.tornadomoe.MoeException when the model type is unknown or claimed by two families,
  ///   or the config contradicts itself
  public static MoeModel of(Checkpoint checkpoint, MoeFamilies families) {
    ModelConfig config = checkpoint.config();
    return new MoeModel(
        checkpoint, config.modelType(), namingTheConfig(config, () -> layout(config, families)));
  }

  private static ModelLayout layout(ModelConfig config, MoeFamilies families) {
    ModelLayout layout = families.of(config).layout(config);
    if (layout.gating().topK() > layout.routed()) {
      throw new LayerException(
          "top-k is %d, but there are only %d experts"
              .formatted(layout.gating().topK(), layout.routed()));
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

  /// What the config says of the MoE layers.
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
                  Ranges.of(layout.moeLayers())));
    }
    return namingTheConfig(
        checkpoint.config(), () -> new LayerReader(checkpoint, layout, index).read());
  }
}
