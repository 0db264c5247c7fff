package dev.tornadomoe.tornado.device;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What this process's sessions hold of a device's memory, so that the next one that does not fit
/// is refused before the first byte is uploaded. TornadoVM has its own limit
/// (`-Dtornado.device.memory`), beyond which it fails in the middle of a step.
public final class DeviceBudget implements AutoCloseable {
  static final String LIMIT_PROPERTY = "tornado.device.memory";

  private static final String UNITS = "KMGT";
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})(?:([KMGT])B)?");
  private static final Map<String, Long> HELD = new HashMap<>();

  private final String device;
  private final long bytes;

  private DeviceBudget(String device, long bytes) {
    this.device = device;
    this.bytes = bytes;
  }

  /// Takes a part of the device's memory.
  ///
  /// @param what what needs it, for the message
  /// @throws BackendException when so much is not left
  public static DeviceBudget take(String what, long bytes, DeviceLimits device) {
    synchronized (HELD) {
      long held = HELD.getOrDefault(device.name(), 0L);
      require(what, bytes, held, device);
      HELD.put(device.name(), held + bytes);
    }
    return new DeviceBudget(device.name(), bytes);
  }

  private static void require(String what, long bytes, long held, DeviceLimits device) {
    long limit = limit(System.getProperty(LIMIT_PROPERTY));
    long most = Math.min(device.memoryBytes(), limit);
    if (Math.addExact(bytes, held) > most) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "%s needs %s on device %s, which has %s%s%s",
              what,
              ByteSize.format(bytes),
              device.name(),
              ByteSize.format(device.memoryBytes()),
              limit < device.memoryBytes()
                  ? String.format(
                      Locale.ROOT,
                      ", of which TornadoVM may use %s (-D%s)",
                      ByteSize.format(limit),
                      LIMIT_PROPERTY)
                  : "",
              held == 0
                  ? ""
                  : String.format(Locale.ROOT, "; other sessions hold %s", ByteSize.format(held))));
    }
  }

  /// As TornadoVM reads it; whatever else it says is TornadoVM's own business.
  static long limit(@Nullable String text) {
    Matcher size = SIZE.matcher(text == null ? "" : text);
    if (!size.matches()) {
      return Long.MAX_VALUE;
    }
    String unit = size.group(2);
    int power = unit == null ? 0 : UNITS.indexOf(unit) + 1;
    return Math.multiplyExact(Long.parseLong(size.group(1)), 1L << (10 * power));
  }

  @Override
  public void close() {
    synchronized (HELD) {
      HELD.merge(device, -bytes, Long::sum);
    }
  }
}
