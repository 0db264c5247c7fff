package dev.tornadomoe.layer;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// What a gating asks of each token beside its router logits: one number, which the caller brings.
///
/// @param kind what the number is
/// @param count how many there are: it is 0 to `count - 1`
public record TokenKey(Kind kind, int count) {

  /// What numbers of tokens there are.
  public enum Kind {
    /// the token's id in the vocabulary
    ID
  }

  /// What some layers ask of the same tokens.
  ///
  /// @param layers whose routers choose
  /// @return one of each kind, with the fewest numbers that any of them knows
  public static List<TokenKey> of(List<MoeLayer> layers) {
    Map<Kind, TokenKey> keys = new EnumMap<>(Kind.class);
    for (MoeLayer layer : layers) {
      TokenKey key = layer.router() == null ? null : layer.router().gating().key();
      if (key != null) {
        keys.merge(key.kind(), key, (a, b) -> a.count() <= b.count() ? a : b);
      }
    }
    return List.copyOf(keys.values());
  }
}
