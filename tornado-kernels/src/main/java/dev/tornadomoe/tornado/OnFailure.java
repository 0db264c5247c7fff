package dev.tornadomoe.tornado;

import java.util.function.Supplier;

/// Gives back what somebody was to own who can't be made.
final class OnFailure {
  private OnFailure() {}

  /// {@return what is made, which closes the rest later}
  ///
  /// @param close gives the rest back where making fails, which then throws as if alone
  static <T> T close(Runnable close, Supplier<T> made) {
    try {
      return made.get();
    } catch (RuntimeException | Error e) {
      try {
        close.run();
      } catch (RuntimeException | Error another) {
        e.addSuppressed(another);
      }
      throw e;
    }
  }
}
