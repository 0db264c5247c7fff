package dev.tornadomoe.examples.decoder;

import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Grouped-query attention of one layer, with its cache of keys and values.
final class Attention {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

  private final DecoderConfig config;
  private final DecoderModel.Layer layer;
  private final Rotation rotation;

  /// `[keyValueHeads, positions, headDim]`
  private final float[] keys;

  private final float[] values;
  private final int positions;

  /// @param positions of the longest sequence
  Attention(DecoderConfig config, DecoderModel.Layer layer, Rotation rotation, int positions) {
    this.config = config;
    this.layer = layer;
    this.rotation = rotation;
    this.positions = positions;
    this.keys = new float[config.keyValueWidth() * positions];
    this.values = new float[config.keyValueWidth() * positions];
  }

  /// What tokens attend to: themselves and what came before.
  ///
  /// @param first the position of the first token
  /// @param rows work space; `rows.normed` is read, `rows.projected` is written, both `[tokens, H]`
  void run(int first, int tokens, Rows rows) {
    layer.q().multiply(rows.normed, tokens, rows.queries);
    layer.k().multiply(rows.normed, tokens, rows.keys);
    layer.v().multiply(rows.normed, tokens, rows.values);
    layer.queryNorm().apply(rows.queries, tokens * config.heads(), rows.queries);
    layer.keyNorm().apply(rows.keys, tokens * config.keyValueHeads(), rows.keys);
    for (int t = 0; t < tokens; t++) {
      for (int head = 0; head < config.heads(); head++) {
        rotation.apply(rows.queries, (t * config.heads() + head) * config.headDim(), first + t);
      }
      remember(t, first + t, rows);
    }
    int pairs = tokens * config.heads();
    IntStream.range(0, pairs)
        .parallel()
        .forEach(pair -> attend(pair, first + pair / config.heads(), rows));
    layer.o().multiply(rows.attended, tokens, rows.projected);
  }

  private void remember(int token, int position, Rows rows) {
    int size = config.headDim();
    for (int head = 0; head < config.keyValueHeads(); head++) {
      int from = (token * config.keyValueHeads() + head) * size;
      rotation.apply(rows.keys, from, position);
      int to = (head * positions + position) * size;
      System.arraycopy(rows.keys, from, keys, to, size);
      System.arraycopy(rows.values, from, values, to, size);
    }
  }

  /// One query head of one token: softmax(q k / sqrt(headDim)) v, with the largest score so far
  /// taken off as it goes (arXiv:1805.02867), so that scores need no memory.
  private void attend(int pair, int position, Rows rows) {
    int size = config.headDim();
    int query = pair * size;
    int keyValueHead = pair % config.heads() / (config.heads() / config.keyValueHeads());
    float scale = (float) (1 / Math.sqrt(size));
    float largest = Float.NEGATIVE_INFINITY;
    float total = 0;
    for (int i = 0; i < size; i++) {
      rows.attended[query + i] = 0;
    }
    for (int p = 0; p <= position; p++) {
      int at = (keyValueHead * positions + p) * size;
      float score = dot(rows.queries, query, keys, at, size) * scale;
      float keep = 1;
      if (score > largest) {
        keep = (float) Math.exp(largest - score);
        largest = score;
      }
      float weight = (float) Math.exp(score - largest);
      total = total * keep + weight;
      add(rows.attended, query, keep, values, at, weight, size);
    }
    for (int i = 0; i < size; i++) {
      rows.attended[query + i] /= total;
    }
  }

  private static float dot(float[] a, int aAt, float[] b, int bAt, int size) {
    FloatVector sums = FloatVector.zero(FLOATS);
    int i = 0;
    for (; i + FLOATS.length() <= size; i += FLOATS.length()) {
      sums =
          FloatVector.fromArray(FLOATS, a, aAt + i)
              .fma(FloatVector.fromArray(FLOATS, b, bAt + i), sums);
    }
    float sum = sums.reduceLanes(VectorOperators.ADD);
    for (; i < size; i++) {
      sum += a[aAt + i] * b[bAt + i];
    }
    return sum;
  }

  /// `y = y * keep + x * weight`
  private static void add(
      float[] y, int yAt, float keep, float[] x, int xAt, float weight, int size) {
    int i = 0;
    for (; i + FLOATS.length() <= size; i += FLOATS.length()) {
      FloatVector.fromArray(FLOATS, y, yAt + i)
          .mul(keep)
          .add(FloatVector.fromArray(FLOATS, x, xAt + i).mul(weight))
          .intoArray(y, yAt + i);
    }
    for (; i < size; i++) {
      y[yAt + i] = y[yAt + i] * keep + x[xAt + i] * weight;
    }
  }
}
