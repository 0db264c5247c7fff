package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.AffineMatrix;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Locale;

/// A weight of MLX, on the file's own bytes.
///
/// @param file for messages
/// @param name for messages
/// @param bits of an element
/// @param groupSize columns per scale
/// @param columns input features
/// @param elements U32 `[out, in * bits / 32]`
/// @param scales `[out, in / groupSize]`
/// @param biases of the same shape
record AffineWeight(
    String file,
    String name,
    int bits,
    int groupSize,
    int columns,
    TensorView elements,
    TensorView scales,
    TensorView biases)
    implements Weight {

  @Override
  public int rows() {
    return Math.toIntExact(scales.shape().dimension(0));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.scaled(AffineMatrix.coding(bits), scales.dtype(), 1, groupSize);
  }

  @Override
  public long bytesToLoad() {
    return 0;
  }

  @Override
  public AffineMatrix load(Arena arena) {
    for (TensorView numbers : List.of(scales, biases)) {
      long count = numbers.shape().elements();
      for (long i = 0; i < count; i++) {
        if (!Float.isFinite(numbers.getFloat(i))) {
          throw new CheckpointException(
              String.format(
                  Locale.ROOT,
                  "%s: tensor \"%s\" has scale %s at element %d, expected a finite number",
                  file,
                  numbers.name(),
                  numbers.getFloat(i),
                  i));
        }
      }
    }
    return new AffineMatrix(bits, groupSize, columns, elements, scales, biases);
  }
}
