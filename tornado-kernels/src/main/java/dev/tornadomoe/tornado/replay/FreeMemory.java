package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.text.ByteSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;
import java.util.OptionalLong;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// What is free of a device's memory right now, whoever holds the rest. OpenCL does not say it, and
/// NVIDIA's driver gives more than there is: buffers then move to the host's memory, and the device
/// is slower than the host. NVIDIA's management library (NVML) says it; of other vendors nothing is
/// known.
public final class FreeMemory {
  private static final String VENDOR = "NVIDIA";

  private static final String LIBRARY = "libnvidia-ml.so.1";

  /// `CL_DEVICE_PCI_BUS_ID_NV`, and the same for slot (with the function in three bits) and domain.
  private static final int BUS = 0x4008;

  private static final int SLOT = 0x4009;
  private static final int DOMAIN = 0x400A;

  /// Of `nvmlMemory_t`, in which total, free and used are 64 bits each.
  private static final int FREE = 1;

  private FreeMemory() {}

  /// Refuses what does not fit.
  ///
  /// @param what needs it, for the message
  /// @param bytes that it needs
  /// @param device on which
  /// @throws BackendException when less is known to be free
  public static void require(String what, long bytes, TornadoDevice device) {
    require(what, bytes, of(device));
  }

  static void require(String what, long bytes, OptionalLong free) {
    if (free.isPresent() && bytes > free.getAsLong()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s needs %s on the device, of which %s are free: other programs, or other parts of"
                  + " this one, hold the rest",
              what,
              ByteSize.format(bytes),
              ByteSize.format(free.getAsLong())));
    }
  }

  /// {@return bytes that are free, where that is known}
  static OptionalLong of(TornadoDevice device) {
    if (!device.getPlatformName().contains(VENDOR)) {
      return OptionalLong.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      return free(device, OpenCl.library(LIBRARY), arena);
    } catch (ReplayException e) {
      return OptionalLong.empty(); // no NVML: nothing is known
    }
  }

  private static OptionalLong free(TornadoDevice device, SymbolLookup nvml, Arena arena) {
    try {
      MemorySegment count = arena.allocate(JAVA_INT);
      MemorySegment found = arena.allocate(ADDRESS);
      MemorySegment memory = arena.allocate(JAVA_LONG, 3);
      if ((int) OpenCl.of(nvml, "nvmlInit_v2").invokeExact() != 0
          || (int) OpenCl.of(nvml, "nvmlDeviceGetCount_v2", ADDRESS).invokeExact(count) != 0) {
        return OptionalLong.empty();
      }
      int status =
          count.get(JAVA_INT, 0) == 1
              ? (int)
                  OpenCl.of(nvml, "nvmlDeviceGetHandleByIndex_v2", JAVA_INT, ADDRESS)
                      .invokeExact(0, found)
              : (int)
                  OpenCl.of(nvml, "nvmlDeviceGetHandleByPciBusId_v2", ADDRESS, ADDRESS)
                      .invokeExact(arena.allocateFrom(address(device, arena)), found);
      if (status == 0) {
        status =
            (int)
                OpenCl.of(nvml, "nvmlDeviceGetMemoryInfo", ADDRESS, ADDRESS)
                    .invokeExact(found.get(ADDRESS, 0), memory);
      }
      return status == 0
          ? OptionalLong.of(memory.getAtIndex(JAVA_LONG, FREE))
          : OptionalLong.empty();
    } catch (Throwable e) {
      throw OpenCl.sentence("NVML", "", e);
    }
  }

  /// Where a device is on the PCI bus.
  private static String address(TornadoDevice device, Arena arena) {
    SymbolLookup cl = OpenCl.library(OpenCl.LIBRARY);
    long handle = TornadoInternals.handle(device);
    int slot = info(cl, handle, SLOT, arena);
    return String.format(
        Locale.ROOT,
        "%08x:%02x:%02x.%x",
        info(cl, handle, DOMAIN, arena),
        info(cl, handle, BUS, arena),
        slot >> 3,
        slot & 7);
  }

  private static int info(SymbolLookup cl, long device, int what, Arena arena) {
    try {
      MemorySegment value = arena.allocate(JAVA_INT);
      int status =
          (int)
              OpenCl.of(cl, "clGetDeviceInfo", JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS)
                  .invokeExact(device, what, JAVA_INT.byteSize(), value, MemorySegment.NULL);
      OpenCl.require("clGetDeviceInfo", "", status);
      return value.get(JAVA_INT, 0);
    } catch (Throwable e) {
      throw OpenCl.sentence("clGetDeviceInfo", "", e);
    }
  }
}
