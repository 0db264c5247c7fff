package dev.tornadomoe.modular;

import dev.tornadomoe.layer.MoeLayer;
import java.util.Locale;

/// The sizes that workspace shapes depend on.
///
/// @param tokens M, the most tokens that a call of this plan bucket has
/// @param hidden H of the experts' rows, which is not the layer's where they stand behind a latent
///   projection
/// @param intermediate I
/// @param topK k
/// @param globalExperts E, which the router chooses from
/// @param localExperts those that are here
public record Problem(
    int tokens, int hidden, int intermediate, int topK, int globalExperts, int localExperts) {

  /// {@return the sizes of a layer}
  ///
  /// @param layer whose sizes count
  /// @param tokens M, 0 or more
  public static Problem of(MoeLayer layer, int tokens) {
    return new Problem(
        tokens,
        layer.experts().hidden(),
        layer.intermediate(),
        layer.topK(),
        layer.globalExperts(),
        layer.experts().map().localExperts());
  }

  /// {@return the same for another token count}
  ///
  /// @param count M, 0 or more
  public Problem withTokens(int count) {
    return new Problem(count, hidden, intermediate, topK, globalExperts, localExperts);
  }

  /// {@return p = M*k}
  ///
  /// @throws ModularException when they can't be counted by an int
  public int pairs() {
    long pairs = (long) tokens * topK;
    if (pairs > Integer.MAX_VALUE) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "%d tokens with %d experts each are %d pairs, at most %d can be planned for",
              tokens,
              topK,
              pairs,
              Integer.MAX_VALUE));
    }
    return (int) pairs;
  }
}
