package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;

/// See [Weight#of].
record LoadedWeight(String name, WeightMatrix matrix) implements Weight {

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }

  @Override
  public WeightFormat format() {
    return matrix.format();
  }

  @Override
  public long bytesToLoad() {
    return 0;
  }

  @Override
  public WeightMatrix load(Arena arena) {
    return matrix;
  }
}
