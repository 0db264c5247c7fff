package dev.tornadomoe.checkpoint.file;

import dev.tornadomoe.tensor.Weight;

/// One projection of all experts of a layer, stored as one tensor.
@FunctionalInterface
public interface ExpertStack {

  /// Some outputs of one expert's matrix, `[rows, in]`: all of them, the half of a fused gate and
  /// up projection, or every second one where the two are interleaved.
  ///
  /// @param expert its index
  /// @param rows how many outputs
  /// @param first the first one
  /// @param step the distance to the next
  /// @return the matrix `[rows, in]`, loaded when it is asked to be
  Weight part(int expert, int rows, int first, int step);
}
