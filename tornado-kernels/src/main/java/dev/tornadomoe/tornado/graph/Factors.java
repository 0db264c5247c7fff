package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.kernel.Flags;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// What a projection's rows are multiplied by.
///
/// @param rows the router's weights, logits of the shared expert's gate, or one element that nobody
///   reads
/// @param flags which
record Factors(FloatArray rows, int flags) {
  static Factors none(LayerContext context) {
    return new Factors(context.arrays().floats(KernelArray.NO_FACTORS), 0);
  }

  /// @param weights the router's, or null where they went on the input
  static Factors ofWeights(@Nullable FloatArray weights, LayerContext context) {
    return weights == null ? none(context) : new Factors(weights, Flags.WEIGHTED);
  }
}
