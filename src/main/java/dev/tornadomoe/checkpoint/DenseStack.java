package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;

/// Unquantised experts.
///
/// @param values `[E, out, in]`, or `[E, in, out]`
/// @param transposed whether it is the latter
record DenseStack(TensorView values, boolean transposed) implements ExpertStack {

  @Override
  public Weight part(int expert, int rows, int first, int step) {
    TensorView matrix = values.at(expert);
    if (transposed) {
      return Weight.transposed(matrix, rows, first, step);
    }
    if (step != 1) {
      return Weight.interleaved(matrix, rows, first, step);
    }
    boolean whole = first == 0 && rows == matrix.shape().dimension(0);
    return Weight.dense(whole ? matrix : matrix.rows(first, (long) first + rows));
  }
}
