package dev.tornadomoe.backend;

import dev.tornadomoe.MoeException;

/// A backend that is not there, a call it can't serve, or too little memory. The message says what
/// was expected and what was found.
public final class BackendException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A refusal or failure of a backend.
  ///
  /// @param message the whole sentence, with names and figures in it
  public BackendException(String message) {
    super(message);
  }

  /// A failure that another one led to.
  ///
  /// @param message the whole sentence, with names and figures in it
  /// @param cause what led to it
  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
