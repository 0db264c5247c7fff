package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderConfig;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What goes up with each step and comes back.
final class StepArrays {
  /// `[tokens, H]`: embeddings on their way up, then the residual stream.
  final FloatArray x;

  /// `[tokens, headDim]`: cosines and sines of the positions.
  final FloatArray angles;

  /// M, and the position of the first token.
  final IntArray step = new IntArray(2);

  /// `[vocabulary]`, of the last token.
  final FloatArray logits;

  StepArrays(DecoderConfig config, int tokens) {
    x = new FloatArray(tokens * config.hidden());
    angles = new FloatArray(tokens * config.headDim());
    logits = new FloatArray(config.vocabulary());
  }
}
