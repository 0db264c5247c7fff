package dev.tornadomoe.backend.cpu.kernel.rows;

/// Where the activations lie that are to be staged.
@FunctionalInterface
public interface RowSource {

  /// Copies a row as it comes.
  ///
  /// @param row which of those to be staged, from 0
  void read(int row, float[] target, int at);
}
