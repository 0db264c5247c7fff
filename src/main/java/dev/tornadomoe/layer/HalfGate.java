package dev.tornadomoe.layer;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The gate of a shared expert of which half counts: zeros, whose sigmoid is a half for every
/// token.
///
/// @param zeros `[1, H]`
record HalfGate(Weight zeros) implements Weight {

  /// @param mlp the shared expert's
  static HalfGate of(Mlp mlp) {
    return new HalfGate(
        Weight.dense(
            new TensorView(
                "half of " + mlp.down().name(),
                DType.F32,
                Shape.of(1, mlp.hidden()),
                MemorySegment.ofArray(new float[mlp.hidden()]))));
  }

  @Override
  public String name() {
    return zeros.name();
  }

  @Override
  public int rows() {
    return zeros.rows();
  }

  @Override
  public int columns() {
    return zeros.columns();
  }

  @Override
  public WeightFormat format() {
    return zeros.format();
  }

  @Override
  public long bytesToLoad() {
    return zeros.bytesToLoad();
  }

  @Override
  public WeightMatrix load(Arena arena) {
    return zeros.load(arena);
  }
}
