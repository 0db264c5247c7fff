package dev.tornadomoe.tornado.device;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Asks OpenCL itself for its devices, before TornadoVM is loaded: where there are none,
/// TornadoVM's native library writes errors to standard output.
public final class OpenClDevices {
  private static final String LIBRARY = "libOpenCL.so.1";
  private static final String DRIVERS = "tornado.drivers.";

  /// `CL_DEVICE_TYPE_ALL`.
  private static final long ALL_TYPES = 0xFFFFFFFFL;

  private OpenClDevices() {}

  /// Whether OpenCL is all that TornadoVM can use here, and has no device. False where that can't
  /// be found out.
  public static boolean missing() {
    return onlyOpenCl() && SignalHandlers.kept(OpenClDevices::hasNone);
  }

  private static boolean hasNone() {
    try (Arena arena = Arena.ofConfined()) {
      return count(arena) == 0;
    } catch (Throwable e) {
      return false; // no such library on this system; TornadoVM says what it lacks
    }
  }

  private static boolean onlyOpenCl() {
    return ModuleLayer.boot().modules().stream()
        .map(Module::getName)
        .filter(name -> name.startsWith(DRIVERS) && !name.equals(DRIVERS + "common"))
        .allMatch(name -> name.startsWith(DRIVERS + "opencl"));
  }

  /// Devices of all platforms. Calls fail where there is no platform, or a platform has no device.
  private static int count(Arena arena) throws Throwable {
    MethodHandle platformIds =
        function(
            "clGetPlatformIDs", ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
    MethodHandle deviceIds =
        function(
            "clGetDeviceIDs",
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT,
            ValueLayout.ADDRESS,
            ValueLayout.ADDRESS);
    MemorySegment found = arena.allocate(ValueLayout.JAVA_INT);
    int status = (int) platformIds.invokeExact(0, MemorySegment.NULL, found);
    int platforms = status == 0 ? found.get(ValueLayout.JAVA_INT, 0) : 0;
    if (platforms == 0) {
      return 0;
    }
    MemorySegment ids = arena.allocate(ValueLayout.ADDRESS, platforms);
    status = (int) platformIds.invokeExact(platforms, ids, MemorySegment.NULL);
    int devices = 0;
    for (int i = 0; status == 0 && i < platforms; i++) {
      MemorySegment platform = ids.getAtIndex(ValueLayout.ADDRESS, i);
      found.set(ValueLayout.JAVA_INT, 0, 0);
      int answer = (int) deviceIds.invokeExact(platform, ALL_TYPES, 0, MemorySegment.NULL, found);
      devices += answer == 0 ? found.get(ValueLayout.JAVA_INT, 0) : 0;
    }
    return devices;
  }

  @SuppressWarnings("restricted") // TornadoVM itself needs native access too
  private static MethodHandle function(String name, MemoryLayout... arguments) {
    // Never unloaded again: TornadoVM is about to use it.
    MemorySegment address = SymbolLookup.libraryLookup(LIBRARY, Arena.global()).findOrThrow(name);
    return Linker.nativeLinker()
        .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }
}
