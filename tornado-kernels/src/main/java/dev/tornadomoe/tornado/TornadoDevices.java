package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.tensor.text.ByteSize;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.device.SignalHandlers;
import dev.tornadomoe.tornado.replay.GraphReplay;
import dev.tornadomoe.tornado.replay.ReplayException;
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.TunedDevice;
import dev.tornadomoe.tornado.tuning.TuningPlaces;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoRuntime;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/// The devices that TornadoVM reaches, in its own order, and the choice among them.
public final class TornadoDevices {
  /// `-Dtornadomoe.tornado.device=0:1` chooses a device by its driver and number.
  static final String DEVICE_PROPERTY = "tornadomoe.tornado.device";

  /// `-Dtornadomoe.tornado.kernels=work-items` or `work-groups` chooses the kernels' shape.
  public static final String KERNELS_PROPERTY = "tornadomoe.tornado.kernels";

  /// `-Dtornadomoe.tornado.buffer=1048576` makes the largest buffer smaller than the device's, in
  /// bytes.
  static final String BUFFER_PROPERTY = "tornadomoe.tornado.buffer";

  private TornadoDevices() {}

  /// A device and what TornadoVM calls it: `0:1`, the second one of the first driver.
  ///
  /// @param index driver and device as `moe devices` prints them
  /// @param driver TornadoVM's name of the driver
  /// @param device TornadoVM's own object
  public record Found(String index, String driver, TornadoDevice device) {

    boolean isGpu() {
      return device.getDeviceType() == TornadoDeviceType.GPU;
    }

    private boolean isBeside(Found other) {
      return driver.equals(other.driver)
          && device.getPlatformName().equals(other.device.getPlatformName());
    }

    private String name() {
      return device.getPhysicalDevice().getDeviceName();
    }

    /// Whether OpenCL C may use 16-bit floats on it, which no kernel of ours needs; other drivers'
    /// descriptions do not say.
    private String halfs() {
      String info = device.getDeviceInfo() == null ? "" : device.getDeviceInfo().toString();
      return info.contains("cl_khr_fp16") ? "yes" : "no";
    }

    /// What it supports, on one line.
    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%s %s, %s, %s (%s): %s of memory, buffers of %s, work-groups of %d with %s of local"
              + " memory, fp16 %s, kernels %s",
          index,
          driver,
          device.getDeviceType().name().toLowerCase(Locale.ROOT),
          name(),
          device.getPlatformName(),
          ByteSize.format(device.getMaxGlobalMemory()),
          ByteSize.format(device.getMaxAllocMemory()),
          maxWorkGroup(),
          ByteSize.format(device.getDeviceLocalMemorySize()),
          halfs(),
          shape().text());
    }

    /// Its number and name, for messages.
    String label() {
      return String.format(Locale.ROOT, "%s (%s)", index, name());
    }

    /// Why sessions on it launch task by task; empty where they replay.
    Optional<String> refusalOfReplay() {
      if (ReplayMode.chosen() == ReplayMode.OFF) {
        return Optional.of(String.format(Locale.ROOT, "-D%s=off", ReplayMode.PROPERTY));
      }
      try {
        GraphReplay.requireSupport(device);
        return Optional.empty();
      } catch (ReplayException e) {
        return Optional.of(String.valueOf(e.getMessage()));
      }
    }

    /// {@return what its tuning file is known by}
    public TunedDevice tuned() {
      String details =
          String.format(
              Locale.ROOT,
              "%s, %s, %s",
              name(),
              device.getPlatformName(),
              device.getDeviceOpenCLCVersion());
      return device.getDeviceType() == TornadoDeviceType.CPU
          ? TunedDevice.cpu(device.getPlatformName(), details)
          : TunedDevice.gpu(name(), details);
    }

    private KernelShape shape() {
      String forced = System.getProperty(KERNELS_PROPERTY);
      if (forced == null) {
        return isGpu() ? KernelShape.WORK_GROUPS : KernelShape.WORK_ITEMS;
      }
      KernelShape shape = KernelShape.of(forced);
      if (shape != null) {
        return shape;
      }
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "-D%s=%s: expected work-items or work-groups",
              KERNELS_PROPERTY,
              forced));
    }

    private static long wishedBuffer() {
      String requested = System.getProperty(BUFFER_PROPERTY);
      if (requested == null) {
        return Long.MAX_VALUE;
      }
      try {
        long bytes = Long.parseLong(requested);
        if (bytes > 0) {
          return bytes;
        }
      } catch (NumberFormatException e) {
        throw wrongBuffer(requested);
      }
      throw wrongBuffer(requested);
    }

    private static BackendException wrongBuffer(String requested) {
      return new BackendException(
          String.format(
              Locale.ROOT, "-D%s=%s: expected a number of bytes", BUFFER_PROPERTY, requested));
    }

    /// The most work-items of a work-group.
    private long maxWorkGroup() {
      long most = Long.MAX_VALUE;
      for (long size : device.getPhysicalDevice().getDeviceMaxWorkGroupSize()) {
        most = Math.min(most, size);
      }
      return most;
    }

    ChosenDevice chosen() {
      return new ChosenDevice(
          device,
          new DeviceTuning(
              new DeviceLimits(
                  label(),
                  maxWorkGroup(),
                  device.getDeviceLocalMemorySize(),
                  Math.min(wishedBuffer(), device.getMaxAllocMemory()),
                  device.getMaxGlobalMemory(),
                  shape()),
              TuningPlaces.of(tuned()).forSession()));
    }
  }

  /// {@return all devices of all drivers, in TornadoVM's order}
  public static List<Found> all() {
    TornadoRuntime runtime = SignalHandlers.kept(TornadoRuntimeProvider::getTornadoRuntime);
    List<Found> found = new ArrayList<>();
    for (int driver = 0; driver < runtime.getNumBackends(); driver++) {
      TornadoBackend backend = runtime.getBackend(driver);
      for (int device = 0; device < backend.getNumDevices(); device++) {
        found.add(
            new Found(
                driver + ":" + device,
                runtime.getBackendType(driver).toString(),
                backend.getDevice(device)));
      }
    }
    return found;
  }

  /// The device that the user named, or a GPU, or where there is none the first device. It is the
  /// first GPU, or for ranks of an MPI job each rank's own, by its number on its host.
  static Found choose(List<Found> all) {
    String requested = System.getProperty(DEVICE_PROPERTY);
    if (requested != null) {
      return numbered(
          all, requested, String.format(Locale.ROOT, "-D%s=%s", DEVICE_PROPERTY, requested));
    }
    return choose(all, Launcher.ofThisProcess());
  }

  /// The same where the user named none.
  ///
  /// @param launcher what started this process as a rank, or null
  static Found choose(List<Found> all, @Nullable Launcher launcher) {
    List<Found> gpus = likeFirstGpu(all);
    if (gpus.isEmpty()) {
      return all.getFirst();
    }
    return gpus.get(launcher == null ? 0 : launcher.rankOnThisHost() % gpus.size());
  }

  /// The first GPU and those beside it: another driver or platform may have the same ones again.
  private static List<Found> likeFirstGpu(List<Found> all) {
    List<Found> gpus = all.stream().filter(Found::isGpu).toList();
    return gpus.stream().filter(found -> found.isBeside(gpus.getFirst())).toList();
  }

  /// The same where a device that was asked for goes first.
  static Found choose(List<Found> all, @Nullable String requested) {
    return requested == null ? choose(all) : numbered(all, requested, "device " + requested);
  }

  private static Found numbered(List<Found> all, String requested, String whose) {
    return all.stream()
        .filter(found -> found.index().equals(requested))
        .findFirst()
        .orElseThrow(() ->
            new BackendException(
                String.format(
                    Locale.ROOT,
                    "%s: there is no such device (there are: %s)",
                    whose,
                    all.stream().map(Found::index).collect(Collectors.joining(", ")))));
  }

  /// Why [#choose] chose it.
  static String reason(List<Found> all, Found chosen) {
    return System.getProperty(DEVICE_PROPERTY) != null
        ? "named by -D" + DEVICE_PROPERTY
        : reason(all, chosen, Launcher.ofThisProcess());
  }

  /// The same where the user named none.
  static String reason(List<Found> all, Found chosen, @Nullable Launcher launcher) {
    if (!chosen.isGpu()) {
      return "the first device; there is no GPU";
    }
    List<Found> gpus = likeFirstGpu(all);
    return launcher == null || gpus.size() == 1
        ? "the first GPU"
        : String.format(
            Locale.ROOT,
            "GPU %d of %d, for rank %d of this host",
            gpus.indexOf(chosen) + 1,
            gpus.size(),
            launcher.rankOnThisHost());
  }
}
