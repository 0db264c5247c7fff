package dev.tornadomoe.plan;

/// What a call leaves in the output.
public enum OutputForm {
  /// The layer's rows `[M, H]`.
  FINISHED,
  /// The experts' rows `[M*k, H]` as they are, row `t*k + s` of token t's s-th expert, with ids and
  /// weights `[M, k]` in the caller's buffers: the caller weights and sums them, in a step of their
  /// own that does more than that.
  DEFERRED
}
