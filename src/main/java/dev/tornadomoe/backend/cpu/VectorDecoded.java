package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Weights of any format: four rows are decoded to F32 in cache and serve all tokens
/// ([VectorRows]), so a layer is never in F32 as a whole.
final class VectorDecoded implements PlainMatrix {
  private final WeightMatrix matrix;
  private final RowDecoder decoder;
  private final VectorRows decoded;

  /// @param decoder of the matrix's rows
  VectorDecoded(WeightMatrix matrix, RowDecoder decoder) {
    this.matrix = matrix;
    this.decoder = decoder;
    this.decoded = new VectorRows(matrix.columns());
  }

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }

  @Override
  public List<MemorySegment> memory() {
    return matrix.memory();
  }

  @Override
  public int paddedColumns() {
    return matrix.columns();
  }

  @Override
  public int workSize() {
    return decoded.workSize();
  }

  @Override
  public void multiply(
      int rowFrom, int rowTo, float[] x, int tokens, float[] y, int yStride, float[] work) {
    for (int row = rowFrom; row < rowTo; row += VectorRows.ROWS) {
      int count = Math.min(VectorRows.ROWS, rowTo - row);
      for (int r = 0; r < count; r++) {
        decoder.decode(row + r, work, r * columns());
      }
      decoded.multiply(work, count, x, tokens, y, row - rowFrom, yStride);
    }
  }
}
