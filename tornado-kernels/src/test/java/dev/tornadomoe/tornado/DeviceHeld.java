package dev.tornadomoe.tornado;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import uk.ac.manchester.tornado.api.TornadoDeviceContext;

/// What this process holds of the device's memory, as TornadoVM counts what it has allocated and
/// released.
public final class DeviceHeld {
  /// What it begins with does not matter: tests compare.
  private static final long ALL = Long.MAX_VALUE / 2;

  private DeviceHeld() {}

  public static long bytes() {
    try {
      TornadoDeviceContext context = TornadoBackend.device().device().getDeviceContext();
      Method provider = context.getClass().getMethod("getBufferProvider");
      Object buffers = provider.invoke(context);
      Field left = buffers.getClass().getSuperclass().getDeclaredField("currentMemoryAvailable");
      left.setAccessible(true);
      return ALL - left.getLong(buffers);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
