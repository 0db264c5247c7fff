package dev.tornadomoe.tornado.replay;

import dev.tornadomoe.tensor.text.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// What Linux's driver for AMD's GPUs says of their own memory, in a file for each number.
///
/// @param devices the directory of the PCI bus's devices
record VideoMemoryFiles(Path devices) {
  private static final String TOTAL = "mem_info_vram_total";
  private static final String USED = "mem_info_vram_used";

  /// Those of this machine.
  static VideoMemoryFiles ofSystem() {
    return new VideoMemoryFiles(Path.of("/sys/bus/pci/devices"));
  }

  /// Bytes that are free on a GPU.
  ///
  /// @param address on the PCI bus
  /// @param usable what OpenCL says that the device has: where that is more, it uses the host's
  ///   memory as well, of which these files know nothing
  /// @throws ReplayException where the files are not there or are of no use
  long free(String address, long usable) {
    Path device = devices.resolve(address);
    long total = number(device.resolve(TOTAL));
    if (usable > total) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "%s says %s, but the device uses %s, the host's memory among it",
              device.resolve(TOTAL),
              ByteSize.format(total),
              ByteSize.format(usable)));
    }
    return total - number(device.resolve(USED));
  }

  private static long number(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException | NumberFormatException e) {
      throw new ReplayException(
          String.format(Locale.ROOT, "%s can't be read as a number of bytes", file), e);
    }
  }
}
