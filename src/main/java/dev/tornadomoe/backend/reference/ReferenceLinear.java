package dev.tornadomoe.backend.reference;

import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.tensor.WeightMatrix;
import org.jspecify.annotations.Nullable;

/// One linear layer: y = W x + b.
final class ReferenceLinear {
  private final WeightMatrix weight;
  private final float @Nullable [] bias;

  ReferenceLinear(WeightMatrix weight, @Nullable Bias bias) {
    this.weight = weight;
    this.bias = bias == null ? null : bias.toFloats();
  }

  int rows() {
    return weight.rows();
  }

  int columns() {
    return weight.columns();
  }

  double[] apply(double[] x) {
    float[] row = new float[weight.columns()];
    double[] y = new double[weight.rows()];
    for (int r = 0; r < y.length; r++) {
      weight.decodeRow(r, row);
      double sum = bias == null ? 0 : bias[r];
      for (int c = 0; c < row.length; c++) {
        sum += row[c] * x[c];
      }
      y[r] = sum;
    }
    return y;
  }
}
