package dev.tornadomoe.layer;

import org.jspecify.annotations.Nullable;

/// How router logits `[M, E]` become ids and weights `[M, k]`.
///
/// Wherever two experts tie, the lower index comes first. Ids are in the order of selection.
public sealed interface Gating permits TopKGating, TableGating, SparseMixer, CustomGating {

  /// {@return k, experts per token}
  int topK();

  /// {@return what it asks of each token beside the logits, or null}
  default @Nullable TokenKey key() {
    return null;
  }
}
