package dev.tornadomoe.checkpoint.file;

import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;

/// What a file says of one of its tensors.
///
/// @param name as stored
/// @param type by the name that the file's format has for it
/// @param shape outermost dimension first
/// @param bytes of its data
public record StoredTensor(String name, String type, Shape shape, long bytes) {

  /// {@return what a view shows, as a file would say it}
  ///
  /// @param tensor of any type
  public static StoredTensor of(TensorView tensor) {
    return new StoredTensor(
        tensor.name(), tensor.dtype().name(), tensor.shape(), tensor.data().byteSize());
  }
}
