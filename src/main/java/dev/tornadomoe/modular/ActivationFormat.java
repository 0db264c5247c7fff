package dev.tornadomoe.modular;

/// How tokens' rows are laid out between prepare, experts and finalize.
public enum ActivationFormat {
  /// `[M, H]`, with ids and weights `[M, k]`
  STANDARD,
  /// `[E, T, H]`, of which the first `counts[e]` rows of each expert are valid
  BATCHED
}
