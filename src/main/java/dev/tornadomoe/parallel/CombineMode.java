package dev.tornadomoe.parallel;

import dev.tornadomoe.layer.MoeLayer;

/// What comes back from the ranks of a token's experts.
///
/// On one rank both ways add a token's experts in the order of its slots. On several, [#RANK] first
/// adds those of each rank and then the ranks' sums, in the ranks' order. That is another order of
/// the same F32 sum of k weighted terms, so an element differs by at most `2k * 2^-24` times the
/// sum of its terms' magnitudes (to first order). The bits of [#RANK] depend on who holds what, not
/// on the run.
public enum CombineMode {
  /// A row for each token and expert; the token's rank weights and sums them. The bits are the same
  /// on any number of ranks.
  PAIR,

  /// A row for each token and rank: the rank's experts weight and sum what they have of a token,
  /// the token's rank adds these sums. Fewer rows travel, and a device gets and gives each row
  /// once.
  RANK;

  /// Whether a layer's weights travel with its rows: on the input they are applied already.
  boolean sendsWeights(MoeLayer layer) {
    return this == RANK && !layer.routerWeightOnInput();
  }

  /// What travels with a row for each of its k experts: an id, and perhaps a weight.
  int pairBytes(MoeLayer layer) {
    return sendsWeights(layer) ? Integer.BYTES + Float.BYTES : Integer.BYTES;
  }
}
