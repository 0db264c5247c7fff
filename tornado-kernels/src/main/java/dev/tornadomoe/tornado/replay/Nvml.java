package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Locale;

/// The functions of NVIDIA's management library (NVML) that say what is free of a GPU's memory. It
/// numbers GPUs in another order than OpenCL does, and some that a program doesn't see, so a GPU is
/// asked for by its name.
final class Nvml {
  private static final String LIBRARY = "libnvidia-ml.so.1";
  private static final String BY_UUID = "nvmlDeviceGetHandleByUUID";
  private static final String BY_PCI = "nvmlDeviceGetHandleByPciBusId_v2";

  /// Of `nvmlMemory_t`, in which total, free and used are 64 bits each.
  private static final int FREE = 1;

  private static final int MOST_ERROR_BYTES = 256;

  private final SymbolLookup library;

  private Nvml(SymbolLookup library) {
    this.library = library;
  }

  /// Ready to be asked.
  ///
  /// @throws ReplayException where there is none, or no driver
  static Nvml open() {
    Nvml nvml = new Nvml(OpenCl.library(LIBRARY));
    try {
      nvml.require("nvmlInit_v2", "", (int) OpenCl.of(nvml.library, "nvmlInit_v2").invokeExact());
      return nvml;
    } catch (Throwable e) {
      throw OpenCl.sentence("nvmlInit_v2", "", e);
    }
  }

  /// Bytes that are free on a GPU.
  ///
  /// @param uuid as in `GPU-6b21f3a0-...`
  long freeByUuid(String uuid) {
    return free(BY_UUID, uuid);
  }

  /// The same.
  ///
  /// @param address as in `0000:3b:00.0`
  long freeByPciAddress(String address) {
    return free(BY_PCI, address);
  }

  private long free(String function, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(ADDRESS);
      MemorySegment memory = arena.allocate(JAVA_LONG, 3);
      MemorySegment text = arena.allocateFrom(name);
      require(
          function,
          name,
          (int) OpenCl.of(library, function, ADDRESS, ADDRESS).invokeExact(text, found));
      MemorySegment device = found.get(ADDRESS, 0);
      require(
          "nvmlDeviceGetMemoryInfo",
          name,
          (int)
              OpenCl.of(library, "nvmlDeviceGetMemoryInfo", ADDRESS, ADDRESS)
                  .invokeExact(device, memory));
      return memory.getAtIndex(JAVA_LONG, FREE);
    } catch (Throwable e) {
      throw OpenCl.sentence(function, name, e);
    }
  }

  private void require(String function, String name, int status) throws Throwable {
    if (status != 0) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "%s%s failed: %s",
              function,
              name.isEmpty() ? "" : String.format(Locale.ROOT, " (%s)", name),
              text(status)));
    }
  }

  @SuppressWarnings("restricted") // the text is NVML's own, and ends with a zero
  private String text(int status) throws Throwable {
    MemorySegment text =
        (MemorySegment)
            OpenCl.handle(library, "nvmlErrorString", FunctionDescriptor.of(ADDRESS, JAVA_INT))
                .invokeExact(status);
    return text.reinterpret(MOST_ERROR_BYTES).getString(0);
  }
}
