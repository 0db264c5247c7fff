package dev.tornadomoe.tornado.kernel;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What a pair of a token and one of its experts stands for. A token has `topK` pairs of the router
/// and behind them `extra` parts of the shared expert.
final class Pairs {
  private Pairs() {}

  /// The pair's place among the experts that lie in the same arrays, or -1. Whether there are extra
  /// parts is asked first: where there are none, a condition that can be proven late in TornadoVM's
  /// compiler is one that it can't emit.
  static int expert(
      IntArray ids,
      IntArray map,
      int token,
      int slot,
      int topK,
      int extra,
      int experts,
      int flags) {
    int expert = -1;
    if (extra == 0) {
      expert = map.get(ids.get(token * topK + slot));
    } else if (slot < topK) {
      expert = map.get(ids.get(token * topK + slot));
    } else if ((flags & Flags.EXTRA_ELSEWHERE) == 0) {
      expert = experts + slot - topK;
    }
    return expert;
  }

  /// The router's weight if it is applied here, else 1.
  static float weight(FloatArray weights, int token, int slot, int topK, int extra, int flags) {
    float weight = 1f;
    if ((flags & Flags.WEIGHTED) != 0) {
      if (extra == 0) {
        weight = weights.get(token * topK + slot);
      } else if (slot < topK) {
        weight = weights.get(token * topK + slot);
      }
    }
    return weight;
  }
}
