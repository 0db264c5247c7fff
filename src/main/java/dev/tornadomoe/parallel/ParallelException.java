package dev.tornadomoe.parallel;

import dev.tornadomoe.MoeException;

/// Ranks that can't work together, or one that is gone.
public final class ParallelException extends MoeException {
  private static final long serialVersionUID = 1L;

  private final boolean everywhere;

  /// @param message the whole sentence
  public ParallelException(String message) {
    super(message);
    this.everywhere = false;
  }

  /// @param message the whole sentence
  /// @param cause what led to it
  public ParallelException(String message, Throwable cause) {
    super(message, cause);
    this.everywhere = false;
  }

  private ParallelException(String message, boolean everywhere) {
    super(message);
    this.everywhere = everywhere;
  }

  /// One that every rank throws at the same place.
  public static ParallelException everywhere(String message) {
    return new ParallelException(message, true);
  }

  /// Whether every rank throws it at the same place, so that all can end in order, or go on.
  public boolean isEverywhere() {
    return everywhere;
  }
}
