package dev.tornadomoe.examples.decoder;

/// Rotary position embedding (RoPE, arXiv:2104.09864) as transformers has it: element i of a head
/// is turned together with element i + headDim / 2.
public final class Rotation {
  private final int half;
  private final float[] table;

  /// @param positions for which the angles are computed
  public Rotation(DecoderConfig config, int positions) {
    half = config.headDim() / 2;
    table = new float[positions * config.headDim()];
    for (int i = 0; i < half; i++) {
      double frequency = Math.pow(config.ropeTheta(), -2.0 * i / config.headDim());
      for (int position = 0; position < positions; position++) {
        int at = position * config.headDim() + i;
        table[at] = (float) Math.cos(position * frequency);
        table[at + half] = (float) Math.sin(position * frequency);
      }
    }
  }

  /// `[positions, headDim]`: half of a row are cosines, half are sines.
  public float[] table() {
    return table;
  }

  /// Turns all heads of some tokens.
  ///
  /// @param x `[tokens, heads, headDim]`
  /// @param first the position of the first token
  void apply(float[] x, int heads, int first, int tokens) {
    for (int head = 0; head < tokens * heads; head++) {
      int from = head * 2 * half;
      int row = (first + head / heads) * 2 * half;
      for (int i = 0; i < half; i++) {
        float cos = table[row + i];
        float sin = table[row + half + i];
        float a = x[from + i];
        float b = x[from + half + i];
        x[from + i] = a * cos - b * sin;
        x[from + half + i] = b * cos + a * sin;
      }
    }
  }
}
