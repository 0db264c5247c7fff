package dev.tornadomoe.parallel;

import dev.tornadomoe.MoeException;

/// Ranks that can't work together, or one that is gone.
public final class ParallelException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// @param message the whole sentence
  public ParallelException(String message) {
    super(message);
  }

  /// @param message the whole sentence
  /// @param cause what led to it
  public ParallelException(String message, Throwable cause) {
    super(message, cause);
  }
}
