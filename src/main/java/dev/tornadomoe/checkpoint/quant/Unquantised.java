package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.Weight;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
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
          throw quantised(tensors, tensor);
        }
      }
    }
    return null;
  }

  @Override
  public @Nullable ExpertStack findStack(
      TensorStore tensors, String name, int experts, int outputs, int inputs, boolean transposed) {
    String blocks = name + Mxfp4Quantization.BLOCKS;
    if (!tensors.names().contains(name) && tensors.names().contains(blocks)) {
      throw quantised(tensors, blocks);
    }
    return null;
  }

  private CheckpointException quantised(TensorStore tensors, String tensor) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" is quantised, but %s has no quantization_config",
            tensors.fileOf(tensor),
            tensor,
            config));
  }
}
