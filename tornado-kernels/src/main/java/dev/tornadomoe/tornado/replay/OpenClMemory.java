package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/// The functions of OpenCL 1.2 that give out memory of the host or the device. Failures are told as
/// [OpenCl] tells them.
final class OpenClMemory {
  /// `CL_MEM_READ_WRITE`.
  private static final long ON_DEVICE = 1;

  /// `CL_MEM_READ_WRITE` and `CL_MEM_ALLOC_HOST_PTR`.
  private static final long ON_HOST = 1 | 1 << 4;

  /// `CL_MAP_READ` and `CL_MAP_WRITE`.
  private static final long READ_AND_WRITE = 1 | 1 << 1;

  private static final int BLOCKING = 1;

  private final MethodHandle createBuffer;
  private final MethodHandle enqueueMapBuffer;
  private final MethodHandle enqueueUnmap;
  private final MethodHandle releaseBuffer;

  /// The functions of a library.
  ///
  /// @throws ReplayException where it lacks one
  OpenClMemory(SymbolLookup library) {
    createBuffer =
        OpenCl.handle(
            library,
            "clCreateBuffer",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS));
    enqueueMapBuffer =
        OpenCl.handle(
            library,
            "clEnqueueMapBuffer",
            FunctionDescriptor.of(
                ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT,
                ADDRESS, ADDRESS, ADDRESS));
    enqueueUnmap =
        OpenCl.of(
            library,
            "clEnqueueUnmapMemObject",
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            ADDRESS);
    releaseBuffer = OpenCl.of(library, "clReleaseMemObject", JAVA_LONG);
  }

  /// A buffer whose memory the driver keeps on the host.
  ///
  /// @return its handle
  long create(long context, long bytes) {
    return create(context, ON_HOST, bytes, subject(bytes));
  }

  /// A buffer in the device's memory.
  ///
  /// @return its handle
  long createOnDevice(long context, long bytes) {
    return create(
        context, ON_DEVICE, bytes, String.format(Locale.ROOT, "%d bytes of device memory", bytes));
  }

  private long create(long context, long flags, long bytes, String subject) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(JAVA_INT);
      long buffer =
          (long) createBuffer.invokeExact(context, flags, bytes, MemorySegment.NULL, status);
      OpenCl.require("clCreateBuffer", subject, status.get(JAVA_INT, 0));
      return buffer;
    } catch (Throwable e) {
      throw OpenCl.sentence("clCreateBuffer", subject, e);
    }
  }

  /// Where a buffer lies, for reading and writing until it is unmapped.
  ///
  /// @return its address, without a size
  MemorySegment map(long queue, long buffer, long bytes) {
    String subject = subject(bytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(JAVA_INT);
      MemorySegment address =
          (MemorySegment)
              enqueueMapBuffer.invokeExact(
                  queue,
                  buffer,
                  BLOCKING,
                  READ_AND_WRITE,
                  0L,
                  bytes,
                  0,
                  MemorySegment.NULL,
                  MemorySegment.NULL,
                  status);
      OpenCl.require("clEnqueueMapBuffer", subject, status.get(JAVA_INT, 0));
      return address;
    } catch (Throwable e) {
      throw OpenCl.sentence("clEnqueueMapBuffer", subject, e);
    }
  }

  /// The end of [#map]. Nothing depends on it any more, so a failure is only logged.
  void unmap(long queue, long buffer, MemorySegment address) {
    OpenCl.logged(
        "clEnqueueUnmapMemObject",
        () ->
            (int)
                enqueueUnmap.invokeExact(
                    queue, buffer, address, 0, MemorySegment.NULL, MemorySegment.NULL));
  }

  /// The end of [#create], as quiet.
  void release(long buffer) {
    OpenCl.release("clReleaseMemObject", releaseBuffer, buffer);
  }

  private static String subject(long bytes) {
    return String.format(Locale.ROOT, "%d bytes of host memory", bytes);
  }
}
