package dev.tornadomoe.examples.decoder;

import java.util.stream.IntStream;

/// Grouped-query attention of one layer, with its cache of keys and values.
public final class Attention {
  private final DecoderConfig config;
  private final DecoderModel.Layer layer;
  private final float[] angles;
  private final int positions;

  /// `[kvHeads, positions, headDim]`
  private final float[] keys;

  private final float[] values;

  /// @param angles of as many positions as the longest sequence has
  Attention(DecoderConfig config, DecoderModel.Layer layer, float... angles) {
    this.config = config;
    this.layer = layer;
    this.angles = angles;
    this.positions = angles.length / config.headDim();
    this.keys = new float[config.kvWidth() * positions];
    this.values = new float[config.kvWidth() * positions];
  }

  /// What rotary position embedding (RoPE, arXiv:2104.09864) turns heads by.
  ///
  /// @return `[positions, headDim]`: half of a row are cosines, half are sines
  public static float[] angles(DecoderConfig config, int positions) {
    int size = config.headDim();
    float[] angles = new float[positions * size];
    for (int i = 0; i < size / 2; i++) {
      double frequency = Math.pow(config.ropeTheta(), -2.0 * i / size);
      for (int position = 0; position < positions; position++) {
        angles[position * size + i] = (float) Math.cos(position * frequency);
        angles[position * size + size / 2 + i] = (float) Math.sin(position * frequency);
      }
    }
    return angles;
  }

  /// Adds what tokens attend to, which is themselves and what came before, to the residual stream.
  ///
  /// @param first the position of the first token
  /// @param normed `[tokens, H]`
  /// @param x `[tokens, H]`, the residual stream
  void run(int first, int tokens, float[] normed, float[] x) {
    float[] queries = new float[tokens * config.queryWidth()];
    float[] newKeys = new float[tokens * config.kvWidth()];
    float[] newValues = new float[tokens * config.kvWidth()];
    Projection.add(layer.q(), normed, tokens, queries);
    Projection.add(layer.k(), normed, tokens, newKeys);
    Projection.add(layer.v(), normed, tokens, newValues);
    layer.queryNorm().apply(queries, tokens * config.heads(), queries);
    layer.keyNorm().apply(newKeys, tokens * config.kvHeads(), newKeys);
    rotate(queries, config.heads(), first);
    rotate(newKeys, config.kvHeads(), first);
    int size = config.headDim();
    for (int t = 0; t < tokens; t++) {
      for (int head = 0; head < config.kvHeads(); head++) {
        int from = (t * config.kvHeads() + head) * size;
        int to = (head * positions + first + t) * size;
        System.arraycopy(newKeys, from, keys, to, size);
        System.arraycopy(newValues, from, values, to, size);
      }
    }
    float[] attended = new float[tokens * config.queryWidth()];
    IntStream.range(0, tokens * config.heads())
        .parallel()
        .forEach(pair -> attend(queries, pair, first + pair / config.heads(), attended));
    Projection.add(layer.o(), attended, tokens, x);
  }

  /// Turns element i of each head together with element i + headDim / 2, as transformers does.
  private void rotate(float[] x, int heads, int first) {
    int half = config.headDim() / 2;
    for (int head = 0; head < x.length / (2 * half); head++) {
      int row = (first + head / heads) * 2 * half;
      for (int i = 0; i < half; i++) {
        int at = head * 2 * half + i;
        float a = x[at];
        float b = x[at + half];
        x[at] = a * angles[row + i] - b * angles[row + half + i];
        x[at + half] = b * angles[row + i] + a * angles[row + half + i];
      }
    }
  }

  /// One query head of one token: `softmax(q k / sqrt(headDim)) v` of all positions up to its own.
  private void attend(float[] queries, int pair, int position, float[] attended) {
    int size = config.headDim();
    int query = pair * size;
    int kvHead = pair % config.heads() / (config.heads() / config.kvHeads());
    int cache = kvHead * positions * size;
    float[] scores = new float[position + 1];
    float largest = Float.NEGATIVE_INFINITY;
    for (int p = 0; p <= position; p++) {
      scores[p] = Projection.dot(queries, query, keys, cache + p * size, size);
      largest = Math.max(largest, scores[p]);
    }
    double total = 0;
    for (int p = 0; p <= position; p++) {
      scores[p] = (float) Math.exp((scores[p] - largest) / Math.sqrt(size));
      total += scores[p];
    }
    for (int p = 0; p <= position; p++) {
      float weight = (float) (scores[p] / total);
      for (int i = 0; i < size; i++) {
        attended[query + i] += weight * values[cache + p * size + i];
      }
    }
  }
}
