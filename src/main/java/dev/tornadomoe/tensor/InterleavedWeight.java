package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Some rows of an unquantised matrix that lie apart: the gates of a fused gate and up projection
/// whose rows alternate.
///
/// @param values `[stored rows, columns]`
/// @param selection which of its rows
record InterleavedWeight(TensorView values, RowSelection selection) implements Weight {

  InterleavedWeight {
    new DenseMatrix(values); // refuses what is no matrix of floats
    selection.requireWithin(values.shape().dimension(0));
  }

  @Override
  public String name() {
    return values.name();
  }

  @Override
  public int rows() {
    return selection.count();
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
  public long bytesToLoad() {
    return bytes();
  }

  @Override
  public DenseMatrix load(Arena arena) {
    long rowBytes = values.data().byteSize() / values.shape().dimension(0);
    MemorySegment rows = arena.allocate(rowBytes * selection.count(), 64);
    for (int row = 0; row < selection.count(); row++) {
      MemorySegment.copy(
          values.data(), selection.stored(row) * rowBytes, rows, row * rowBytes, rowBytes);
    }
    return new DenseMatrix(
        new TensorView(values.name(), values.dtype(), Shape.of(rows(), columns()), rows));
  }
}
