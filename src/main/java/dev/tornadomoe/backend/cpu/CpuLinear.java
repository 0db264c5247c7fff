package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.layer.Bias;
import org.jspecify.annotations.Nullable;

/// One linear layer: a matrix with its kernel, the order in which it stores its columns, and a
/// bias.
final class CpuLinear {
  private final CpuMatrix matrix;
  private final int @Nullable [] columnOrder;
  private final float @Nullable [] bias;

  CpuLinear(CpuMatrix matrix, int @Nullable [] columnOrder, @Nullable Bias bias) {
    this.matrix = matrix;
    this.columnOrder = columnOrder;
    this.bias = bias == null ? null : bias.toFloats();
  }

  CpuMatrix matrix() {
    return matrix;
  }

  int rows() {
    return matrix.rows();
  }

  int columns() {
    return matrix.columns();
  }

  /// For each stored column the activation it multiplies, or null for the same one.
  int @Nullable [] columnOrder() {
    return columnOrder;
  }

  /// A tile of results for the staged rows.
  void apply(int rowFrom, int rowTo, Scratch scratch, int tokens, float[] y, int yStride) {
    matrix.multiply(rowFrom, rowTo, scratch.staged(this, tokens), tokens, y, yStride, scratch.work);
    if (bias != null) {
      for (int token = 0; token < tokens; token++) {
        for (int row = rowFrom; row < rowTo; row++) {
          y[token * yStride + row - rowFrom] += bias[row];
        }
      }
    }
  }
}
