package dev.tornadomoe.layer;

/// How router logits `[M, E]` become ids and weights `[M, k]`.
///
/// Wherever two experts tie, the lower index comes first. Ids are in the order of selection.
public sealed interface Gating permits TopKGating, SparseMixer, CustomGating {

  /// {@return k, experts per token}
  int topK();
}
