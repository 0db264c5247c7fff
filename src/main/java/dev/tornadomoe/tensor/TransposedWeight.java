package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;
import java.util.Locale;

/// An unquantised weight stored `[in, out]`, or a part of the outputs of such a tensor: the gate
/// half of a fused gate and up projection, or every second column of an interleaved one.
///
/// @param values `[columns, stored outputs]`
/// @param rows how many outputs are taken
/// @param first the first output taken
/// @param step the distance to the next
record TransposedWeight(TensorView values, int rows, int first, int step) implements Weight {

  TransposedWeight {
    long outputs = values.shape().dimension(1);
    if (first < 0 || step < 1 || first + (rows - 1L) * step >= outputs) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "%d outputs from %d in steps of %d, of %d", rows, first, step, outputs));
    }
  }

  @Override
  public String name() {
    return values.name();
  }

  @Override
  public int columns() {
    return Math.toIntExact(values.shape().dimension(0));
  }

  @Override
  public WeightFormat format() {
    return WeightFormat.dense(values.dtype());
  }

  @Override
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public DenseMatrix load(Arena arena) {
    return new DenseMatrix(values.transposed(rows, first, step, arena));
  }
}
