package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The option that says which of a model's MoE layers are meant.
public final class LayersChoice {
  @Option(
      names = "--layers",
      paramLabel = "RANGE",
      converter = LayerRange.Converter.class,
      description = "MoE layers, as in 0-1 or 3,5 (default: all).")
  private @Nullable LayerRange layers;

  /// Their indices in the model, at least one.
  ///
  /// @param directory as the user named the model
  /// @throws LayerException when there is none
  public List<Integer> of(MoeModel model, Path directory) {
    List<Integer> indices = layers == null ? model.layerIndices() : layers.indices();
    if (indices.isEmpty()) {
      throw new LayerException(
          String.format(Locale.ROOT, "%s: the model has no MoE layers", directory));
    }
    return indices;
  }
}
