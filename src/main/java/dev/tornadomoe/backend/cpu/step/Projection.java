package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import java.util.List;

/// Something that turns rows of `columns` elements into rows of `rows` elements, a tile at a time.
public interface Projection {

  int rows();

  int columns();

  /// What its kernels need.
  List<KernelNeeds> needs();

  /// Whether it has a result for the gate, too.
  default boolean isGated() {
    return false;
  }

  /// Computes rows `rowFrom` to `rowTo` for the tokens that were read into [Scratch#result].
  ///
  /// @param yStride elements from one token's results to the next
  void apply(int rowFrom, int rowTo, Scratch scratch, int yStride);

  /// A single linear layer.
  static Projection of(CpuLinear linear) {
    return new Projection() {
      @Override
      public int rows() {
        return linear.rows();
      }

      @Override
      public int columns() {
        return linear.columns();
      }

      @Override
      public List<KernelNeeds> needs() {
        return List.of(linear.needs());
      }

      @Override
      public void apply(int rowFrom, int rowTo, Scratch scratch, int yStride) {
        linear.apply(rowFrom, rowTo, scratch, scratch.result, yStride);
      }
    };
  }
}
