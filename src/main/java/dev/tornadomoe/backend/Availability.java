package dev.tornadomoe.backend;

import org.jspecify.annotations.Nullable;

/// Whether a backend can run here, and if not, what is missing and how to get it.
///
/// @param missing what is missing, or null when it can run
/// @param remedy what to do about it, or null
public record Availability(@Nullable String missing, @Nullable String remedy) {

  /// {@return that it can run}
  public static Availability yes() {
    return new Availability(null, null);
  }

  /// {@return that it can't run here}
  ///
  /// @param missing what is not there, for a sentence
  /// @param remedy what to install or set
  public static Availability no(String missing, String remedy) {
    return new Availability(missing, remedy);
  }

  /// {@return whether nothing is missing}
  public boolean isAvailable() {
    return missing == null;
  }

  /// As in `available` or `no Vector API; start java with ...`.
  @Override
  public String toString() {
    return isAvailable() ? "available" : missing + "; " + remedy;
  }
}
