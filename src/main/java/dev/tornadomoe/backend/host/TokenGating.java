package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;

/// The gating of one token on the host: from router logits to ids and weights. What the host
/// backends use, and what a program uses that routes by itself.
@FunctionalInterface
public interface TokenGating {

  /// Chooses a token's experts.
  ///
  /// @param logits `[E]`
  /// @param key what the gating asks of the token beside ([dev.tornadomoe.layer.Gating#key]); of no
  ///   account where it asks nothing
  /// @param ids `[k]`, filled with distinct expert indices in the order of selection
  /// @param weights `[k]`, filled with their weights
  /// @throws dev.tornadomoe.MoeException when a user's routing function chooses what is not there
  void choose(float[] logits, int key, int[] ids, float[] weights);

  /// The gating of a router. It keeps its own arrays: for one thread at a time.
  static TokenGating of(Router router) {
    return switch (router.gating()) {
      case TopKGating topK -> new TopKChoice(topK, router);
      case TableGating table -> new TableChoice(table, router);
      case SparseMixer mixer -> new SparseMixerChoice(mixer.jitter());
      case CustomGating custom -> new CustomChoice(custom.function());
    };
  }
}
