package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderConfig;
import dev.tornadomoe.examples.decoder.Rotation;
import java.lang.foreign.SegmentAllocator;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// What the graphs of a step hand on, and what comes back.
final class StepArrays {
  final DecoderConfig config;

  /// The most of a step.
  final int tokens;

  /// Of the longest sequence.
  final int positions;

  /// `[tokens, H]`: embeddings on their way up, then the residual stream.
  final FloatArray x;

  /// M, and the position of the first token.
  final IntArray step = new IntArray(2);

  /// `[positions, headDim]`: cosines and sines.
  final FloatArray angles;

  /// `[vocabulary]`, of the last token.
  final FloatArray logits;

  /// @param host memory that a device reads and writes itself
  StepArrays(DecoderConfig config, int tokens, int positions, SegmentAllocator host) {
    this.config = config;
    this.tokens = tokens;
    this.positions = positions;
    x = floats(tokens * config.hidden(), host);
    angles = FloatArray.fromArray(new Rotation(config, positions).table());
    logits = floats(config.vocabulary(), host);
  }

  private static FloatArray floats(int elements, SegmentAllocator host) {
    return FloatArray.fromSegmentShallow(
        host.allocate(TornadoNativeArray.ARRAY_HEADER + (long) elements * Float.BYTES, 64));
  }
}
