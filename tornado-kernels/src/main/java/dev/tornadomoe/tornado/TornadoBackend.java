package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.MoePlan;
import java.util.List;

/// The backend named `tornado`.
public final class TornadoBackend implements Backend {

  @Override
  public String name() {
    return "tornado";
  }

  @Override
  public Availability availability() {
    Availability setup = TornadoSetup.availability();
    if (!setup.isAvailable()) {
      return setup;
    }
    TornadoSetup.applySettings();
    try {
      return TornadoDevices.all().isEmpty()
          ? noDevice("TornadoVM finds no device")
          : Availability.yes();
    } catch (RuntimeException | LinkageError e) {
      return noDevice("TornadoVM can't be loaded (%s)".formatted(DeviceFailure.text(e)));
    }
  }

  private static Availability noDevice(String missing) {
    return Availability.no(
        missing,
        "install the OpenCL driver of your GPU, or PoCL (apt install pocl-opencl-icd ocl-icd-libopencl1); clinfo -l lists what there is");
  }

  @Override
  public List<String> devices() {
    List<TornadoDevices.Found> all = TornadoDevices.all();
    TornadoDevices.Found chosen = TornadoDevices.choose(all);
    return all.stream()
        .map(found ->
            found.equals(chosen)
                ? "%s (used: %s)".formatted(found, TornadoDevices.reason(chosen))
                : found.toString())
        .toList();
  }

  @Override
  public List<String> profilingOptions() {
    TornadoSetup.applySettings();
    return TornadoSetup.profilingOptions();
  }

  @Override
  public Session prepare(MoePlan plan, Progress progress) {
    return TornadoSession.prepare(plan, device(), progress);
  }

  /// The device that [#devices] says is used.
  static ChosenDevice device() {
    TornadoSetup.applySettings();
    return TornadoDevices.choose(TornadoDevices.all()).chosen();
  }
}
