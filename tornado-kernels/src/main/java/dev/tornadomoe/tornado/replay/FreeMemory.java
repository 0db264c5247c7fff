package dev.tornadomoe.tornado.replay;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;

/// What is known to be free of a device's memory right now, whoever holds the rest. OpenCL does not
/// say it, and NVIDIA's driver gives more than there is: buffers then move to the host's memory,
/// and the device is slower than the host, or the driver ends the process. NVIDIA's management
/// library says it, and for AMD's GPUs files of Linux do; of others nothing is known.
///
/// @param bytes that are free, where that is known
/// @param how it is known, or why it is not
public record FreeMemory(OptionalLong bytes, String how) {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado.replay");

  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  private static final String NVIDIA = "NVIDIA";

  /// Somebody to ask.
  ///
  /// @param free throws [ReplayException] where they don't know
  record Source(String name, LongSupplier free) {}

  /// {@return what is known of a device}
  ///
  /// @param device of any driver
  public static FreeMemory of(TornadoDevice device) {
    if (isHosts(device)) {
      return new FreeMemory(OptionalLong.empty(), "it is the host's");
    }
    return first(
        device.getPlatformName().contains(NVIDIA)
            ? List.of(
                new Source("NVML by UUID", () -> Nvml.open().freeByUuid(DeviceNames.uuid(device))),
                new Source(
                    "NVML by PCI address",
                    () -> Nvml.open().freeByPciAddress(DeviceNames.pciAddress(device))))
            : List.of(
                new Source(
                    "Linux by PCI address",
                    () ->
                        VideoMemoryFiles.ofSystem()
                            .free(DeviceNames.pciAddress(device), device.getMaxGlobalMemory()))));
  }

  private static boolean isHosts(TornadoDevice device) {
    return device.getDeviceType() == TornadoDeviceType.CPU;
  }

  /// Asks one after the other.
  static FreeMemory first(List<Source> sources) {
    List<String> refusals = new ArrayList<>();
    for (Source source : sources) {
      try {
        return new FreeMemory(OptionalLong.of(source.free().getAsLong()), source.name());
      } catch (ReplayException e) {
        refusals.add(String.valueOf(e.getMessage()));
      }
    }
    return new FreeMemory(OptionalLong.empty(), String.join("; ", refusals));
  }

  /// Refuses what does not fit. Where nothing is known of a device with memory of its own, that is
  /// logged once.
  ///
  /// @param what needs it, for the message
  /// @param needed bytes
  /// @param device on which
  /// @throws BackendException when less is known to be free
  public static void require(String what, long needed, TornadoDevice device) {
    FreeMemory free = of(device);
    free.require(what, needed);
    if (free.bytes.isEmpty() && !isHosts(device) && LOGGED.add(free.how)) {
      LOG.log(
          System.Logger.Level.WARNING,
          "what is free of the device''s memory is not known ({0}); where other programs hold some"
              + " of it, the driver may end this process",
          free.how);
    }
  }

  void require(String what, long needed) {
    if (bytes.isPresent() && needed > bytes.getAsLong()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s needs %s on the device, of which %s are free: other programs, or other parts of"
                  + " this one, hold the rest",
              what,
              ByteSize.format(needed),
              ByteSize.format(bytes.getAsLong())));
    }
  }

  /// As in `139.8 GiB free (NVML by UUID)`.
  @Override
  public String toString() {
    return bytes.isPresent()
        ? String.format(Locale.ROOT, "%s free (%s)", ByteSize.format(bytes.getAsLong()), how)
        : String.format(Locale.ROOT, "free memory not known (%s)", how);
  }
}
