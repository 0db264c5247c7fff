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
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/// This machine's OpenCL, of which one function returns a status when it has done its work.
final class FaultyOpenCl {
  private static final SymbolLookup REAL = OpenCl.library("libOpenCL.so.1");

  private static final MemoryLayout[] TRANSFER = {
    JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, ADDRESS
  };

  private static final MemoryLayout[] ONE = {JAVA_LONG};

  private static final MemoryLayout[] INFO = {JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS};

  private static final Map<String, MemoryLayout[]> ARGUMENTS =
      Map.ofEntries(
          Map.entry("clEnqueueWriteBuffer", TRANSFER),
          Map.entry("clEnqueueReadBuffer", TRANSFER),
          Map.entry(
              "clEnqueueNDRangeKernel",
              new MemoryLayout[] {
                JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS,
                ADDRESS
              }),
          Map.entry("clFlush", ONE),
          Map.entry("clFinish", ONE),
          Map.entry("clWaitForEvents", new MemoryLayout[] {JAVA_INT, ADDRESS}),
          Map.entry("clReleaseCommandQueue", ONE),
          Map.entry("clReleaseEvent", ONE),
          Map.entry("clGetEventProfilingInfo", INFO),
          Map.entry("clGetKernelInfo", INFO));

  private static final MethodHandle GET =
      own(AtomicInteger.class, "get", MethodType.methodType(int.class));

  private static final MethodHandle NO_QUEUE =
      own(
          FaultyOpenCl.class,
          "noQueue",
          MethodType.methodType(
              long.class, int.class, long.class, long.class, long.class, MemorySegment.class));

  private FaultyOpenCl() {}

  private static MethodHandle own(Class<?> type, String name, MethodType signature) {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      return type == FaultyOpenCl.class
          ? lookup.findStatic(type, name, signature)
          : lookup.findVirtual(type, name, signature);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  static OpenCl failing(String function, int status) {
    return failing(function, new AtomicInteger(status));
  }

  /// @param status what it returns from now on
  @SuppressWarnings("restricted")
  static OpenCl failing(String function, AtomicInteger status) {
    FunctionDescriptor type = FunctionDescriptor.of(JAVA_INT, ARGUMENTS.get(function));
    MethodHandle works = Linker.nativeLinker().downcallHandle(REAL.findOrThrow(function), type);
    MethodHandle fails =
        MethodHandles.filterReturnValue(
            works, MethodHandles.dropArguments(GET.bindTo(status), 0, int.class));
    return new OpenCl(name ->
        name.equals(function)
            ? Optional.of(Linker.nativeLinker().upcallStub(fails, type, Arena.global()))
            : REAL.find(name));
  }

  /// Gives no queue: a function that returns its status through a pointer.
  @SuppressWarnings("restricted")
  static OpenCl withoutQueues(int status) {
    FunctionDescriptor type =
        FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
    MethodHandle fails = MethodHandles.insertArguments(NO_QUEUE, 0, status);
    return new OpenCl(name ->
        name.equals("clCreateCommandQueue")
            ? Optional.of(Linker.nativeLinker().upcallStub(fails, type, Arena.global()))
            : REAL.find(name));
  }

  @SuppressWarnings("restricted")
  private static long noQueue(
      int status, long context, long device, long properties, MemorySegment result) {
    result.reinterpret(JAVA_INT.byteSize()).set(JAVA_INT, 0, status);
    return 0;
  }

  /// Gives no host memory.
  @SuppressWarnings("restricted")
  static OpenClMemory withoutHostMemory(int status) {
    FunctionDescriptor type =
        FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
    MethodHandle fails =
        MethodHandles.dropArguments(
            MethodHandles.insertArguments(NO_QUEUE, 0, status), 3, MemorySegment.class);
    return new OpenClMemory(name ->
        name.equals("clCreateBuffer")
            ? Optional.of(Linker.nativeLinker().upcallStub(fails, type, Arena.global()))
            : REAL.find(name));
  }

  static OpenCl without(String function) {
    return new OpenCl(name -> name.equals(function) ? Optional.empty() : REAL.find(name));
  }
}
