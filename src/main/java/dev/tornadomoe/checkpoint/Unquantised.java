package dev.tornadomoe.checkpoint;

import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A checkpoint whose config says nothing of quantisation.
///
/// @param config the config file, for messages
record Unquantised(Path config) implements Quantization {
  private static final List<String> QUANTISED = List.of(".qweight", ".weight_packed");

  /// @throws CheckpointException when the layer is stored in quantised form nevertheless
  @Override
  public @Nullable Weight find(TensorStore tensors, String module, int rows, int columns) {
    if (!tensors.names().contains(module + ".weight")) {
      for (String suffix : QUANTISED) {
        String tensor = module + suffix;
        if (tensors.names().contains(tensor)) {
          throw new CheckpointException(
              "%s: tensor \"%s\" is quantised, but %s has no quantization_config"
                  .formatted(tensors.fileOf(tensor), tensor, config));
        }
      }
    }
    return null;
  }
}
