package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/// The functions of OpenCL 1.2 that a replay calls. Handles are `long`; a status other than
/// `CL_SUCCESS` becomes one sentence with the function's name and the status.
final class OpenCl {
  /// `CL_QUEUE_PROFILING_ENABLE`.
  static final long PROFILING = 1 << 1;

  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado.replay");

  static final String LIBRARY = "libOpenCL.so.1";

  /// `CL_KERNEL_CONTEXT`.
  private static final int KERNEL_CONTEXT = 0x1193;

  /// `CL_PROFILING_COMMAND_START` and `CL_PROFILING_COMMAND_END`.
  private static final int COMMAND_START = 0x1282;

  private static final int COMMAND_END = 0x1283;

  private final MethodHandle getKernelInfo;
  private final MethodHandle createCommandQueue;
  private final MethodHandle releaseCommandQueue;
  private final MethodHandle enqueueWriteBuffer;
  private final MethodHandle enqueueNdRangeKernel;
  private final MethodHandle enqueueReadBuffer;
  private final MethodHandle flush;
  private final MethodHandle finish;
  private final MethodHandle waitForEvents;
  private final MethodHandle getEventProfilingInfo;
  private final MethodHandle releaseEvent;

  /// Found once: the functions, or why there are none.
  private static final class Loaded {
    static final Object FOUND = find();

    private static Object find() {
      try {
        return new OpenCl(library(LIBRARY));
      } catch (ReplayException e) {
        return e;
      }
    }
  }

  /// The library that TornadoVM has loaded, too.
  ///
  /// @throws ReplayException where there is none
  static OpenCl get() {
    if (Loaded.FOUND instanceof OpenCl found) {
      return found;
    }
    throw (ReplayException) Loaded.FOUND;
  }

  /// The functions for host memory, which every OpenCL has.
  ///
  /// @throws ReplayException where there is no library, or it lacks one
  static OpenClMemory memory() {
    return new OpenClMemory(library(LIBRARY));
  }

  /// A library's symbols.
  ///
  /// @throws ReplayException where it can't be loaded
  @SuppressWarnings("restricted") // TornadoVM itself needs native access, too
  static SymbolLookup library(String name) {
    try {
      // Never unloaded: TornadoVM uses it.
      return SymbolLookup.libraryLookup(name, Arena.global());
    } catch (IllegalArgumentException | IllegalCallerException e) {
      throw new ReplayException(
          String.format(Locale.ROOT, "Java can't load %s: %s", name, e.getMessage()), e);
    }
  }

  /// The functions of a library.
  ///
  /// @throws ReplayException where it lacks one
  OpenCl(SymbolLookup library) {
    getKernelInfo =
        of(library, "clGetKernelInfo", JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
    createCommandQueue =
        handle(
            library,
            "clCreateCommandQueue",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS));
    releaseCommandQueue = of(library, "clReleaseCommandQueue", JAVA_LONG);
    MemoryLayout[] transfer = {
      JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, ADDRESS
    };
    enqueueWriteBuffer = of(library, "clEnqueueWriteBuffer", transfer);
    enqueueReadBuffer = of(library, "clEnqueueReadBuffer", transfer);
    enqueueNdRangeKernel =
        of(
            library,
            "clEnqueueNDRangeKernel",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            ADDRESS);
    flush = of(library, "clFlush", JAVA_LONG);
    finish = of(library, "clFinish", JAVA_LONG);
    waitForEvents = of(library, "clWaitForEvents", JAVA_INT, ADDRESS);
    getEventProfilingInfo =
        of(library, "clGetEventProfilingInfo", JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
    releaseEvent = of(library, "clReleaseEvent", JAVA_LONG);
  }

  static MethodHandle of(SymbolLookup library, String name, MemoryLayout... arguments) {
    return handle(library, name, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  @SuppressWarnings("restricted")
  static MethodHandle handle(SymbolLookup library, String name, FunctionDescriptor type) {
    MemorySegment address =
        library
            .find(name)
            .orElseThrow(() -> new ReplayException("the OpenCL library has no " + name));
    return Linker.nativeLinker().downcallHandle(address, type);
  }

  /// The context that a kernel belongs to.
  long context(long kernel) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment context = arena.allocate(JAVA_LONG);
      int status =
          (int)
              getKernelInfo.invokeExact(
                  kernel, KERNEL_CONTEXT, JAVA_LONG.byteSize(), context, MemorySegment.NULL);
      require("clGetKernelInfo", "", status);
      return context.get(JAVA_LONG, 0);
    } catch (Throwable e) {
      throw sentence("clGetKernelInfo", "", e);
    }
  }

  /// A queue whose commands run in order.
  ///
  /// @param properties 0 or [#PROFILING]
  long createQueue(long context, long device, long properties) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(JAVA_INT);
      long queue = (long) createCommandQueue.invokeExact(context, device, properties, status);
      require("clCreateCommandQueue", "", status.get(JAVA_INT, 0));
      return queue;
    } catch (Throwable e) {
      throw sentence("clCreateCommandQueue", "", e);
    }
  }

  /// Gives a queue back. Nothing depends on that any more, so a failure is only logged: it must not
  /// hide another one, nor keep what is released after it.
  void releaseQueue(long queue) {
    release("clReleaseCommandQueue", releaseCommandQueue, queue);
  }

  /// Gives something back; a failure is only logged.
  static void release(String name, MethodHandle function, long handle) {
    logged(name, () -> (int) function.invokeExact(handle));
  }

  /// A call whose status nothing depends on.
  @FunctionalInterface
  interface LastCall {
    int status() throws Throwable;
  }

  static void logged(String name, LastCall call) {
    try {
      require(name, "", call.status());
    } catch (Throwable e) {
      LOG.log(System.Logger.Level.WARNING, sentence(name, "", e).getMessage());
    }
  }

  /// Enqueues a command without waiting for it: its host memory must stay until the queue has
  /// finished.
  ///
  /// @param event gets an event for it, unless it is null
  void enqueue(long queue, Command command, MemorySegment event) {
    switch (command) {
      case Command.Write write ->
          transfer(
              "clEnqueueWriteBuffer",
              enqueueWriteBuffer,
              queue,
              write.buffer(),
              write.offset(),
              write.host(),
              write,
              event);
      case Command.Read read ->
          transfer(
              "clEnqueueReadBuffer",
              enqueueReadBuffer,
              queue,
              read.buffer(),
              read.offset(),
              read.host(),
              read,
              event);
      case Command.Launch launch -> launch(queue, launch, event);
    }
  }

  private static void transfer(
      String name,
      MethodHandle function,
      long queue,
      long buffer,
      long offset,
      MemorySegment host,
      Command command,
      MemorySegment event) {
    try {
      int status =
          (int)
              function.invokeExact(
                  queue, buffer, 0, offset, host.byteSize(), host, 0, MemorySegment.NULL, event);
      require(name, command.subject(), status);
    } catch (Throwable e) {
      throw sentence(name, command.subject(), e);
    }
  }

  private void launch(long queue, Command.Launch launch, MemorySegment event) {
    try {
      WorkSize size = launch.size();
      int status =
          (int)
              enqueueNdRangeKernel.invokeExact(
                  queue,
                  launch.kernel(),
                  size.dimensions(),
                  size.offset(),
                  size.global(),
                  size.local(),
                  0,
                  MemorySegment.NULL,
                  event);
      require("clEnqueueNDRangeKernel", launch.subject(), status);
    } catch (Throwable e) {
      throw sentence("clEnqueueNDRangeKernel", launch.subject(), e);
    }
  }

  /// Has the device begin with what was enqueued.
  void flush(long queue) {
    try {
      require("clFlush", "", (int) flush.invokeExact(queue));
    } catch (Throwable e) {
      throw sentence("clFlush", "", e);
    }
  }

  /// Waits for the end of a command.
  ///
  /// @param event where its event is
  /// @param subject what the command is about
  void await(MemorySegment event, String subject) {
    try {
      require("clWaitForEvents", subject, (int) waitForEvents.invokeExact(1, event));
    } catch (Throwable e) {
      throw sentence("clWaitForEvents", subject, e);
    }
  }

  /// Waits for all commands of a queue.
  void finish(long queue) {
    try {
      require("clFinish", "", (int) finish.invokeExact(queue));
    } catch (Throwable e) {
      throw sentence("clFinish", "", e);
    }
  }

  /// The same where nothing depends on it any more.
  void finishQuietly(long queue) {
    logged("clFinish", () -> (int) finish.invokeExact(queue));
  }

  /// Nanoseconds from the beginning of a command to its end, on a queue with [#PROFILING].
  long nanos(long event) {
    return time(event, COMMAND_END) - time(event, COMMAND_START);
  }

  private long time(long event, int what) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment nanos = arena.allocate(JAVA_LONG);
      int status =
          (int)
              getEventProfilingInfo.invokeExact(
                  event, what, JAVA_LONG.byteSize(), nanos, MemorySegment.NULL);
      require("clGetEventProfilingInfo", "", status);
      return nanos.get(JAVA_LONG, 0);
    } catch (Throwable e) {
      throw sentence("clGetEventProfilingInfo", "", e);
    }
  }

  /// The same for an event.
  void releaseEvent(long event) {
    release("clReleaseEvent", releaseEvent, event);
  }

  static void require(String function, String subject, int status) {
    if (status != 0) {
      throw new ReplayException(
          String.format(
              Locale.ROOT, "%s failed: %s", name(function, subject), OpenClStatus.text(status)));
    }
  }

  /// What was thrown around a call: our own sentence, or Java's refusal of an argument, such as
  /// memory that was closed.
  static RuntimeException sentence(String function, String subject, Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof ReplayException refusal
        ? refusal
        : new ReplayException(
            String.format(
                Locale.ROOT,
                "%s can't be called: %s",
                name(function, subject),
                thrown.getMessage()),
            thrown);
  }

  private static String name(String function, String subject) {
    return subject.isEmpty() ? function : String.format(Locale.ROOT, "%s (%s)", function, subject);
  }
}
