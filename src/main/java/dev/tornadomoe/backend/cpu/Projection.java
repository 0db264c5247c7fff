package dev.tornadomoe.backend.cpu;

/// Something that turns rows of `columns` elements into rows of `rows` elements, a tile at a time.
interface Projection {

  int rows();

  int columns();

  /// Elements of work space that its kernels need.
  int workSize();

  /// Computes rows `rowFrom` to `rowTo` for the staged tokens into [Scratch#result].
  ///
  /// @param yStride elements from one token's results to the next
  void apply(int rowFrom, int rowTo, Scratch scratch, int tokens, int yStride);

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
      public int workSize() {
        return linear.matrix().workSize();
      }

      @Override
      public void apply(int rowFrom, int rowTo, Scratch scratch, int tokens, int yStride) {
        linear.apply(rowFrom, rowTo, scratch, tokens, scratch.result, yStride);
      }
    };
  }
}
