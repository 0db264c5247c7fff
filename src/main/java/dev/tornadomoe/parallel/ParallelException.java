package dev.tornadomoe.parallel;

import dev.tornadomoe.MoeException;

/// Ranks that can't work together, or one that is gone.
public final class ParallelException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// Whether every rank throws it at the same place.
  private final boolean everywhere;

  /// A failure of this rank alone.
  ///
  /// @param message the whole sentence
  public ParallelException(String message) {
    super(message);
    this.everywhere = false;
  }

  /// A failure of this rank alone, that another one led to.
  ///
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

  /// {@return an exception that every rank throws at the same place}
  ///
  /// @param message the whole sentence, the same on every rank
  public static ParallelException everywhere(String message) {
    return new ParallelException(message, true);
  }

  /// {@return whether every rank throws it at the same place, so that all can end in order, or go
  /// on}
  public boolean isEverywhere() {
    return everywhere;
  }
}
