package dev.tornadomoe.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// The JVM still hears of its own signals once an OpenCL driver is there.
@EnabledOnOs(value = OS.LINUX, disabledReason = "elsewhere nobody's handlers are replaced")
class SignalHandlersTest {
  private static final int SIGILL = 4;
  private static final int SIGBUS = 7;
  private static final int SIGFPE = 8;
  private static final int SIGSEGV = 11;

  private static final MemorySegment IGNORE = MemorySegment.ofAddress(1);

  /// The SIGSEGV of a null and the SIGFPE of a division by zero are the JVM's. With the handlers of
  /// PoCL the division has the dividend as its result.
  @Test
  void aSessionLeavesTheJvmItsHandlers() throws Throwable {
    try (Checkpoint checkpoint =
            Checkpoint.open(Path.of("../src/test/resources/golden/hf/mixtral"));
        Session session =
            Backends.require("tornado")
                .prepare(
                    Planner.builder()
                        .maxTokens(1)
                        .build()
                        .plan(List.of(MoeModel.of(checkpoint).layer(0))))) {
      assertThat(session.plan().layers()).hasSize(1);
    }
    for (int signal : new int[] {SIGILL, SIGBUS, SIGFPE, SIGSEGV}) {
      assertThat(mappingOf(handler(signal))).as("signal " + signal).endsWith("/libjvm.so");
    }
    assertThatThrownBy(() -> quotient(1, 0)).isInstanceOf(ArithmeticException.class);
  }

  @Test
  void whatAFailingDriverReplacedIsPutBackToo() throws Throwable {
    MemorySegment before = handler(SIGILL);
    assertThatThrownBy(() ->
            SignalHandlers.kept(() -> {
              ignore(SIGILL);
              throw new IllegalStateException("no device");
            }))
        .hasMessage("no device");
    assertThat(handler(SIGILL)).isEqualTo(before);
  }

  /// A thread that begins meanwhile finds the driver's handlers, and must not keep those.
  @Test
  void threadsThatOverlapPutBackWhatTheFirstOneFound() throws Throwable {
    MemorySegment before = handler(SIGILL);
    CountDownLatch replaced = new CountDownLatch(1);
    CountDownLatch secondCame = new CountDownLatch(1);
    CountDownLatch firstLeft = new CountDownLatch(1);
    Thread second =
        new Thread(() -> {
          await(replaced);
          SignalHandlers.kept(() -> {
            secondCame.countDown();
            return await(firstLeft);
          });
        });
    second.start();
    SignalHandlers.kept(() -> {
      ignore(SIGILL);
      replaced.countDown();
      return await(secondCame);
    });
    firstLeft.countDown();
    second.join();
    assertThat(handler(SIGILL)).isEqualTo(before);
  }

  private static int quotient(int a, int b) {
    return a / b;
  }

  private static boolean await(CountDownLatch latch) {
    try {
      return latch.await(1, TimeUnit.MINUTES);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// The line of the process's memory map that some code belongs to; its file comes last.
  private static String mappingOf(MemorySegment code) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      String[] ends = line.substring(0, line.indexOf(' ')).split("-");
      if (Long.parseUnsignedLong(ends[0], 16) <= code.address()
          && code.address() < Long.parseUnsignedLong(ends[1], 16)) {
        return line;
      }
    }
    return "none";
  }

  private static MemorySegment handler(int signal) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(256, 8);
      assertThat((int) sigaction().invokeExact(signal, MemorySegment.NULL, action)).isZero();
      return action.get(ValueLayout.ADDRESS, 0);
    }
  }

  private static void ignore(int signal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(256, 8);
      action.set(ValueLayout.ADDRESS, 0, IGNORE);
      assertThat((int) sigaction().invokeExact(signal, action, MemorySegment.NULL)).isZero();
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle sigaction() {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("sigaction"),
        FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
  }
}
