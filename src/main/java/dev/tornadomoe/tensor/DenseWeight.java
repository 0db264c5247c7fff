package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;

/// An unquantised weight whose file has it in the form we use: nothing is copied.
record DenseWeight(TensorView values) implements Weight {

  DenseWeight {
    new DenseMatrix(values); // refuses what is no matrix of floats
  }

  @Override
  public String name() {
    return values.name();
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
  public long bytesToLoad() {
    return 0;
  }

  @Override
  public DenseMatrix load(Arena arena) {
    return new DenseMatrix(values);
  }
}
