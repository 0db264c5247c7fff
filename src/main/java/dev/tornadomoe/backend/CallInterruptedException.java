package dev.tornadomoe.backend;

import dev.tornadomoe.MoeException;

/// A call ended before it was done, because its thread was interrupted. The thread's interrupt flag
/// is still set, as Java's unchecked exceptions leave it; the session can be used on. What the
/// call's output holds then says [Session#run(MoeCall)].
public final class CallInterruptedException extends MoeException {
  private static final long serialVersionUID = 1L;

  /// A call that ended early.
  ///
  /// @param message the whole sentence
  public CallInterruptedException(String message) {
    super(message);
  }
}
