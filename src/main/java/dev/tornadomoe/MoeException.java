package dev.tornadomoe;

/// A failure whose message is one sentence for the user: what was asked, what was found, where, and
/// what to do. The command line prints it and exits with 2; every other exception is our own
/// defect.
///
/// Each room throws its own subclass.
public abstract class MoeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// A failure that no other exception caused.
  ///
  /// @param message the whole sentence, with names and figures in it
  protected MoeException(String message) {
    super(message);
  }

  /// A failure that another one led to.
  ///
  /// @param message the whole sentence, with names and figures in it
  /// @param cause what led to it
  protected MoeException(String message, Throwable cause) {
    super(message, cause);
  }
}
