package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;

/// An unquantised weight matrix: F32, F16 or BF16, row-major.
///
/// @param values `[rows, columns]`
public record DenseMatrix(TensorView values) implements WeightMatrix {

  /// Checks type and rank.
  ///
  /// @throws IllegalArgumentException for a tensor that is no matrix of F32, F16 or BF16
  public DenseMatrix {
    if (values.shape().rank() != 2) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor \"%s\" is %s, expected a matrix",
              values.name(),
              values.shape()));
    }
    WeightFormat.dense(values.dtype());
  }

  @Override
  public int rows() {
    return Math.toIntExact(values.shape().dimension(0));
  }

  @Override
  public int columns() {
    return Math.toIntExact(values.shape().dimension(1));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.dense(values.dtype());
  }

  @Override
  public List<MemorySegment> memory() {
    return List.of(values.data());
  }

  @Override
  public void decodeRow(int row, float[] target, int at) {
    int columns = columns();
    long start = (long) row * columns;
    for (int column = 0; column < columns; column++) {
      target[at + column] = values.getFloat(start + column);
    }
  }
}
