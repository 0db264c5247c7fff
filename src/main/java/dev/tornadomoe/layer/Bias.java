package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.TensorView;
import java.util.Locale;

/// A bias vector, or every second element of one where gate and up are interleaved.
///
/// @param values F32, F16 or BF16, of one dimension
/// @param size elements taken
/// @param first the first element taken
/// @param step the distance to the next
public record Bias(TensorView values, int size, int first, int step) {

  /// Checked extents.
  ///
  /// @throws LayerException when the tensor does not have these elements
  public Bias {
    if (values.shape().rank() != 1
        || !values.dtype().isFloat()
        || size < 0
        || first < 0
        || step < 1
        || first + (size - 1L) * step >= values.shape().elements()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "bias \"%s\" is %s %s, expected %d elements of F32, F16 or BF16 from %d in steps of"
                  + " %d",
              values.name(),
              values.dtype(),
              values.shape(),
              size,
              first,
              step));
    }
  }

  /// A whole tensor as bias.
  ///
  /// @param values F32, F16 or BF16, one for each row of the matrix
  /// @return the bias, read when it is asked for
  public static Bias of(TensorView values) {
    return new Bias(values, Math.toIntExact(values.shape().elements()), 0, 1);
  }

  /// {@return the elements in F32, read from the file}
  public float[] toFloats() {
    float[] floats = new float[size];
    for (int i = 0; i < size; i++) {
      floats[i] = values.getFloat(first + (long) i * step);
    }
    return floats;
  }
}
