package dev.tornadomoe.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Keeps the JVM's signal handlers. It takes null pointers for granted and mends them in its
/// handler of `SIGSEGV`; MPI's network libraries (UCX, PSM) put handlers in its place that end the
/// process.
final class SignalHandlers {
  private static final int SIGNALS = 31;

  /// More than a `struct sigaction` has.
  private static final long ACTION = 256;

  private static final MethodHandle SIGACTION =
      NativeLibrary.system(
          "sigaction",
          ValueLayout.JAVA_INT,
          ValueLayout.JAVA_INT,
          ValueLayout.ADDRESS,
          ValueLayout.ADDRESS);

  /// By signal, from 1.
  private final MemorySegment actions = Arena.ofAuto().allocate(ACTION * (SIGNALS + 1), 16);

  private SignalHandlers() {}

  /// Those that are there now.
  static SignalHandlers current() {
    SignalHandlers handlers = new SignalHandlers();
    for (int signal = 1; signal <= SIGNALS; signal++) {
      call(signal, MemorySegment.NULL, handlers.action(signal));
    }
    return handlers;
  }

  /// Puts them back. Signals that had none may have one now.
  void restore() {
    for (int signal = 1; signal <= SIGNALS; signal++) {
      if (handled(signal)) {
        call(signal, action(signal), MemorySegment.NULL);
      }
    }
  }

  /// Whether a signal runs code: the first member is the handler, 0 and 1 being `SIG_DFL` and
  /// `SIG_IGN`.
  private boolean handled(int signal) {
    return Long.compareUnsigned(action(signal).get(ValueLayout.JAVA_LONG, 0), 1) > 0;
  }

  private MemorySegment action(int signal) {
    return actions.asSlice(signal * ACTION, ACTION);
  }

  /// Fails for `SIGKILL` and `SIGSTOP` alone, which nobody handles.
  private static void call(int signal, MemorySegment action, MemorySegment before) {
    try {
      int ignored = (int) SIGACTION.invokeExact(signal, action, before);
    } catch (Throwable e) {
      throw NativeLibrary.rethrow(e);
    }
  }
}
