package dev.tornadomoe.backend;

import dev.tornadomoe.MoeException;

/// A sanitised run found that a step broke its contract: it left output unwritten, wrote where it
/// may not, or gave another result with the alias than without.
public final class SanitizeException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A run that the sanitiser refuses.
  ///
  /// @param message the buffer, the step and what was found
  public SanitizeException(String message) {
    super(message);
  }
}
