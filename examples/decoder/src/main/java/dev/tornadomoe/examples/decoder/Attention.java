package dev.tornadomoe.examples.decoder;

import java.util.stream.IntStream;

/// Grouped-query attention of one layer, with its cache of keys and values.
final class Attention {
  private final DecoderConfig config;
  private final DecoderModel.Layer layer;
  private final Rotation rotation;
  private final int positions;

  /// `[keyValueHeads, positions, headDim]`
  private final float[] keys;

  private final float[] values;

  /// @param positions of the longest sequence
  Attention(DecoderConfig config, DecoderModel.Layer layer, Rotation rotation, int positions) {
    this.config = config;
    this.layer = layer;
    this.rotation = rotation;
    this.positions = positions;
    this.keys = new float[config.keyValueWidth() * positions];
    this.values = new float[config.keyValueWidth() * positions];
  }

  /// Adds what tokens attend to, which is themselves and what came before, to the residual stream.
  ///
  /// @param first the position of the first token
  /// @param normed `[tokens, H]`
  /// @param x `[tokens, H]`, the residual stream
  void run(int first, int tokens, float[] normed, float[] x) {
    float[] queries = new float[tokens * config.queryWidth()];
    float[] newKeys = new float[tokens * config.keyValueWidth()];
    float[] newValues = new float[tokens * config.keyValueWidth()];
    Projection.add(layer.q(), normed, tokens, queries);
    Projection.add(layer.k(), normed, tokens, newKeys);
    Projection.add(layer.v(), normed, tokens, newValues);
    layer.queryNorm().apply(queries, tokens * config.heads(), queries);
    layer.keyNorm().apply(newKeys, tokens * config.keyValueHeads(), newKeys);
    rotation.apply(queries, config.heads(), first, tokens);
    rotation.apply(newKeys, config.keyValueHeads(), first, tokens);
    int size = config.headDim();
    for (int t = 0; t < tokens; t++) {
      for (int head = 0; head < config.keyValueHeads(); head++) {
        int from = (t * config.keyValueHeads() + head) * size;
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

  /// One query head of one token: `softmax(q k / sqrt(headDim)) v` of all positions up to its own.
  private void attend(float[] queries, int pair, int position, float[] attended) {
    int size = config.headDim();
    int query = pair * size;
    int keyValueHead = pair % config.heads() / (config.heads() / config.keyValueHeads());
    int cache = keyValueHead * positions * size;
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
