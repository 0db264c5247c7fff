package dev.tornadomoe.backend;

import dev.tornadomoe.MoeException;

/// A backend that is not there, a call it can't serve, or too little memory. The message says what
/// was expected and what was found.
public final class BackendException extends MoeException {
  private static final long serialVersionUID = 1L;

  public BackendException(String message) {
    super(message);
  }

  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
