package dev.tornadomoe.examples.decoder;

/// RMS norm: `y = x / sqrt(mean(x^2) + epsilon) * weight`.
///
/// @param weight an element for each of a row
@SuppressWarnings("ArrayRecordComponent") // read only
public record Norm(float[] weight, float epsilon) {

  /// Normalises consecutive rows, each as long as the weight.
  ///
  /// @param y may be x
  public void apply(float[] x, int rows, float[] y) {
    int width = weight.length;
    for (int at = 0; at < rows * width; at += width) {
      float squares = 0;
      for (int i = at; i < at + width; i++) {
        squares += x[i] * x[i];
      }
      float scale = (float) (1 / Math.sqrt(squares / width + epsilon));
      for (int i = 0; i < width; i++) {
        y[at + i] = x[at + i] * scale * weight[i];
      }
    }
  }
}
