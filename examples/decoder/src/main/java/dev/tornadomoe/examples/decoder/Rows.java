package dev.tornadomoe.examples.decoder;

import java.lang.foreign.MemorySegment;

/// The work space of a step: a row for each token of a chunk, shared by all layers.
final class Rows {
  /// The residual stream `[tokens, H]`.
  final float[] x;

  final float[] normed;
  final float[] queries;
  final float[] keys;
  final float[] values;
  final float[] attended;
  final float[] projected;
  private final int hidden;

  Rows(DecoderConfig config, int tokens) {
    hidden = config.hidden();
    x = new float[tokens * hidden];
    normed = new float[tokens * hidden];
    queries = new float[tokens * config.queryWidth()];
    keys = new float[tokens * config.keyValueWidth()];
    values = new float[tokens * config.keyValueWidth()];
    attended = new float[tokens * config.queryWidth()];
    projected = new float[tokens * hidden];
  }

  /// The first rows of [#x] or [#normed], as the library takes them.
  MemorySegment segment(float[] rows, int tokens) {
    return MemorySegment.ofArray(rows).asSlice(0, (long) tokens * hidden * Float.BYTES);
  }

  /// Adds what attention has given to the residual stream.
  void addProjected(int tokens) {
    for (int i = 0; i < tokens * hidden; i++) {
      x[i] += projected[i];
    }
  }
}
