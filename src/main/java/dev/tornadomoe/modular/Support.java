package dev.tornadomoe.modular;

import org.jspecify.annotations.Nullable;

/// Whether something can be done, and if not, why not: the reason is never lost.
///
/// @param refusal null when it can be done
public record Support(@Nullable String refusal) {

  /// {@return support without a condition}
  public static Support yes() {
    return new Support(null);
  }

  /// It can't.
  ///
  /// @param reason a clause that follows the name of what refuses: "needs 4-bit weights, found
  ///   BF16"
  /// @return a refusal
  public static Support no(String reason) {
    return new Support(reason);
  }
}
