package dev.tornadomoe.tornado.graph;

/// The pairs of token and expert in a launch.
///
/// @param tokens the most of the launch
/// @param topK experts that are routed to, of each token
/// @param extra parts of the shared expert behind them
record Pairs(int tokens, int topK, int extra) {
  /// Those of a shared expert that is in arrays by itself.
  static Pairs ofShared(int tokens) {
    return new Pairs(tokens, 0, 1);
  }

  int ofToken() {
    return topK + extra;
  }

  int count() {
    return Math.multiplyExact(tokens, ofToken());
  }
}
