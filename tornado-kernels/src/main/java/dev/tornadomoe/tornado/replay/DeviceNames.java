package dev.tornadomoe.tornado.replay;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.Locale;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// What other software than OpenCL knows a device by.
final class DeviceNames {
  /// `CL_DEVICE_UUID_KHR` of `cl_khr_device_uuid`: 16 bytes.
  private static final int UUID = 0x106A;

  private static final int UUID_BYTES = 16;

  /// `CL_DEVICE_PCI_BUS_INFO_KHR` of `cl_khr_pci_bus_info`: domain, bus, device and function, 32
  /// bits each.
  private static final int PCI_BUS = 0x410F;

  private static final int PCI_INTS = 4;

  private DeviceNames() {}

  /// As NVIDIA writes it: `GPU-6b21f3a0-0f5c-...`, in lower case.
  ///
  /// @throws ReplayException where the driver does not say it
  static String uuid(TornadoDevice device) {
    return uuid(info("CL_DEVICE_UUID_KHR", device, UUID, UUID_BYTES));
  }

  static String uuid(byte[] bytes) {
    String hex = HexFormat.of().formatHex(bytes);
    return String.format(
        Locale.ROOT,
        "GPU-%s-%s-%s-%s-%s",
        hex.substring(0, 8),
        hex.substring(8, 12),
        hex.substring(12, 16),
        hex.substring(16, 20),
        hex.substring(20));
  }

  /// As Linux writes it: `0000:3b:00.0`.
  ///
  /// @throws ReplayException where the driver does not say it
  static String pciAddress(TornadoDevice device) {
    MemorySegment ints =
        MemorySegment.ofArray(
            info("CL_DEVICE_PCI_BUS_INFO_KHR", device, PCI_BUS, PCI_INTS * Integer.BYTES));
    return String.format(
        Locale.ROOT,
        "%04x:%02x:%02x.%x",
        ints.get(JAVA_INT.withByteAlignment(1), 0),
        ints.get(JAVA_INT.withByteAlignment(1), Integer.BYTES),
        ints.get(JAVA_INT.withByteAlignment(1), 2L * Integer.BYTES),
        ints.get(JAVA_INT.withByteAlignment(1), 3L * Integer.BYTES));
  }

  private static byte[] info(String name, TornadoDevice device, int what, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(bytes, Long.BYTES);
      int status =
          (int)
              OpenCl.of(
                      OpenCl.library(OpenCl.LIBRARY),
                      "clGetDeviceInfo",
                      JAVA_LONG,
                      JAVA_INT,
                      JAVA_LONG,
                      ADDRESS,
                      ADDRESS)
                  .invokeExact(
                      TornadoInternals.handle(device),
                      what,
                      (long) bytes,
                      value,
                      MemorySegment.NULL);
      OpenCl.require("clGetDeviceInfo", name, status);
      return value.toArray(JAVA_BYTE);
    } catch (Throwable e) {
      throw OpenCl.sentence("clGetDeviceInfo", name, e);
    }
  }
}
