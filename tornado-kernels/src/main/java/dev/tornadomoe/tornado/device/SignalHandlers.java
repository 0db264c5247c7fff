package dev.tornadomoe.tornado.device;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.function.Supplier;

/// Gives the JVM its signal handlers back after an OpenCL driver took them.
///
/// The JVM lets SIGSEGV happen where Java meets a null or must stop for a while, and SIGFPE where
/// it divides by zero. LLVM, the compiler inside PoCL, puts its own handler in place of it when it
/// first runs. That one deletes the files that are being written, and until it has given the
/// signals back, a second thread's SIGSEGV is the end of the process, without a word. PoCL's
/// handler of SIGFPE skips the division. LLVM does not ask again whether its handler is still
/// there.
public final class SignalHandlers {
  /// Linux's numbers of SIGILL, SIGBUS, SIGFPE, SIGSEGV: nobody else in a JVM may handle them.
  private static final int[] SIGNALS = {4, 7, 8, 11};

  /// More than any `struct sigaction` of Linux takes.
  private static final int ACTION_BYTES = 256;

  private static final boolean LINUX =
      System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");

  /// The handlers before the first of the threads that are inside began.
  private static final MemorySegment BEFORE =
      Arena.global().allocate((long) SIGNALS.length * ACTION_BYTES, Long.BYTES);

  private static int inside;

  private SignalHandlers() {}

  /// Does something that may load an OpenCL driver or have it compile, and puts the handlers of
  /// before back.
  public static <T> T kept(Supplier<T> work) {
    if (!LINUX) {
      return work.get();
    }
    enter();
    try {
      return work.get();
    } finally {
      leave();
    }
  }

  private static synchronized void enter() {
    if (inside++ == 0) {
      for (int i = 0; i < SIGNALS.length; i++) {
        exchange(SIGNALS[i], MemorySegment.NULL, action(i));
      }
    }
  }

  private static synchronized void leave() {
    inside--;
    for (int i = 0; i < SIGNALS.length; i++) {
      exchange(SIGNALS[i], action(i), MemorySegment.NULL);
    }
  }

  private static MemorySegment action(int i) {
    return BEFORE.asSlice((long) i * ACTION_BYTES, ACTION_BYTES);
  }

  private static void exchange(int signal, MemorySegment next, MemorySegment last) {
    int status;
    try {
      status = (int) CLibrary.SIGACTION.invokeExact(signal, next, last);
    } catch (Throwable e) {
      throw new IllegalStateException(e); // C throws nothing
    }
    if (status != 0) {
      throw new IllegalStateException("sigaction failed for signal " + signal);
    }
  }

  /// Looked up where there is one.
  private static final class CLibrary {
    @SuppressWarnings("restricted") // TornadoVM itself needs native access too
    static final MethodHandle SIGACTION =
        Linker.nativeLinker()
            .downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("sigaction"),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS));
  }
}
