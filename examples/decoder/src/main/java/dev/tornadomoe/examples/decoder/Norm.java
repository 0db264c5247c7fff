package dev.tornadomoe.examples.decoder;

/// RMS norm: `y = x / sqrt(mean(x^2) + epsilon) * weight`.
public final class Norm {
  private final float[] weight;
  private final float epsilon;

  /// @param weight an element for each of a row
  public Norm(float[] weight, float epsilon) {
    this.weight = weight;
    this.epsilon = epsilon;
  }

  public float[] weight() {
    return weight;
  }

  /// Normalises consecutive rows, each as long as the weight.
  ///
  /// @param y may be x
  public void apply(float[] x, int rows, float[] y) {
    int width = weight.length;
    for (int row = 0; row < rows; row++) {
      int at = row * width;
      float squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x[at + i] * x[at + i];
      }
      float scale = (float) (1 / Math.sqrt(squares / width + epsilon));
      for (int i = 0; i < width; i++) {
        y[at + i] = x[at + i] * scale * weight[i];
      }
    }
  }
}
