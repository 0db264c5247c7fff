package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.Map;
import java.util.Optional;

/// This machine's OpenCL, of which one function returns a status when it has done its work.
final class FaultyOpenCl {
  private static final SymbolLookup REAL = OpenCl.library("libOpenCL.so.1");

  private static final MemoryLayout[] TRANSFER = {
    JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, ADDRESS
  };

  private static final Map<String, MemoryLayout[]> ARGUMENTS =
      Map.of(
          "clEnqueueWriteBuffer",
          TRANSFER,
          "clEnqueueReadBuffer",
          TRANSFER,
          "clEnqueueNDRangeKernel",
          new MemoryLayout[] {
            JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS
          },
          "clFinish",
          new MemoryLayout[] {JAVA_LONG},
          "clGetKernelInfo",
          new MemoryLayout[] {JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS});

  private FaultyOpenCl() {}

  @SuppressWarnings("restricted")
  static OpenCl failing(String function, int status) {
    FunctionDescriptor type = FunctionDescriptor.of(JAVA_INT, ARGUMENTS.get(function));
    MethodHandle works = Linker.nativeLinker().downcallHandle(REAL.findOrThrow(function), type);
    MethodHandle fails =
        MethodHandles.filterReturnValue(
            works,
            MethodHandles.dropArguments(MethodHandles.constant(int.class, status), 0, int.class));
    return new OpenCl(name ->
        name.equals(function)
            ? Optional.of(Linker.nativeLinker().upcallStub(fails, type, Arena.global()))
            : REAL.find(name));
  }

  static OpenCl without(String function) {
    return new OpenCl(name -> name.equals(function) ? Optional.empty() : REAL.find(name));
  }
}
