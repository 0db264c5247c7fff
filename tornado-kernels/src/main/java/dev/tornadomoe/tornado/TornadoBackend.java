package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.Tuner;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.HybridExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.offload.Offload;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.device.KernelText;
import dev.tornadomoe.tornado.device.OpenClDevices;
import dev.tornadomoe.tornado.device.TornadoSetup;
import dev.tornadomoe.tornado.graph.DeviceFailure;
import dev.tornadomoe.tornado.graph.UnsupportedSteps;
import dev.tornadomoe.tornado.replay.FreeMemory;
import dev.tornadomoe.tornado.replay.GraphMemory;
import dev.tornadomoe.tornado.replay.LateSettings;
import dev.tornadomoe.tornado.replay.ReplayException;
import dev.tornadomoe.tornado.replay.ReplayMode;
import dev.tornadomoe.tornado.replay.UploadRate;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.tuning.TuningPlaces;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// The backend named `tornado`.
public final class TornadoBackend implements Backend {
  private static final String INSTALL_DRIVER =
      "install the OpenCL driver of your GPU, or PoCL (apt install pocl-opencl-icd"
          + " ocl-icd-libopencl1); clinfo -l lists what there is";

  /// Tokens up to which experts work pair by pair, whatever the layers are.
  private static final int LEAST_PAIRWISE = 4;

  private static final int MOST_PAIRWISE = 32;

  /// For `ServiceLoader`, which [dev.tornadomoe.backend.Backends] asks.
  public TornadoBackend() {}

  @Override
  public String name() {
    return "tornado";
  }

  @Override
  public Availability availability() {
    Availability setup = TornadoSetup.availability();
    return setup.isAvailable() ? Loaded.AVAILABILITY : setup;
  }

  /// Found out once: where loading TornadoVM's classes failed, a second attempt no longer says why.
  private static final class Loaded {
    static final Availability AVAILABILITY = load();

    private static Availability load() {
      TornadoSetup.applySettings();
      KernelText.settle();
      if (OpenClDevices.missing()) {
        return Availability.no("OpenCL has no device", INSTALL_DRIVER);
      }
      try {
        if (TornadoDevices.all().isEmpty()) {
          return Availability.no("TornadoVM finds no device", INSTALL_DRIVER);
        }
        GraphMemory.requireSupport();
        LateSettings.sayOnce();
        return Availability.yes();
      } catch (ReplayException e) {
        return Availability.no(
            String.format(
                Locale.ROOT, "TornadoVM can't share memory between its graphs: %s", e.getMessage()),
            "take TornadoVM 5.2.1-jdk25-dev");
      } catch (RuntimeException | LinkageError e) {
        return Availability.no(
            String.format(Locale.ROOT, "TornadoVM can't be loaded (%s)", DeviceFailure.text(e)),
            "see \"When something fails\" in docs/tornadovm.md");
      }
    }
  }

  @Override
  public List<String> devices() {
    List<TornadoDevices.Found> all = TornadoDevices.all();
    TornadoDevices.Found chosen = TornadoDevices.choose(all);
    return all.stream()
        .map(found ->
            String.format(
                Locale.ROOT,
                "%s, %s, %s, launches %s%s",
                found,
                FreeMemory.of(found.device()),
                TuningPlaces.of(found.tuned()).source(),
                launches(found.refusalOfReplay()),
                found.equals(chosen)
                    ? String.format(Locale.ROOT, " (used: %s)", TornadoDevices.reason(all, chosen))
                    : ""))
        .toList();
  }

  /// On a GPU, experts that work pair by pair as long as the tokens of a call hardly share experts:
  /// three tasks instead of six, and many more work-items.
  @Override
  public Optional<ModularMoe> modularMoe(List<MoeLayer> layers) {
    return modularMoe(layers, device().limits().shape());
  }

  /// The same for a device with kernels of this shape.
  static Optional<ModularMoe> modularMoe(List<MoeLayer> layers, KernelShape shape) {
    return shape == KernelShape.WORK_GROUPS
        ? Optional.of(new ModularMoe(new LocalPrepareAndFinalize(), experts(layers, shape)))
        : Optional.empty();
  }

  /// The experts of these pieces, or those that a planner chooses by itself.
  static HybridExperts experts(List<MoeLayer> layers, KernelShape shape) {
    if (shape != KernelShape.WORK_GROUPS) {
      return new HybridExperts();
    }
    int tokens = MOST_PAIRWISE;
    for (MoeLayer layer : layers) {
      tokens = Math.min(tokens, layer.globalExperts() / layer.topK());
    }
    return new HybridExperts(Math.max(LEAST_PAIRWISE, tokens));
  }

  @Override
  public List<String> unsupported(MoePlan plan) {
    return Offload.divides(plan) ? OffloadArithmetic.unsupported(plan) : UnsupportedSteps.of(plan);
  }

  @Override
  public SessionMemory memory(MoePlan plan) {
    if (Offload.divides(plan)) {
      return OffloadArithmetic.memory(plan, device());
    }
    return UnsupportedSteps.takesRowsOfOthers(plan)
        ? ExpertsOnDevice.memory(plan, device())
        : DeviceMemory.of(plan, device().limits());
  }

  @Override
  public OptionalDouble uploadBytesPerSecond() {
    try {
      TornadoDevice device = device().device();
      return OptionalDouble.of(
          CpuBackend.together(threads -> UploadRate.bytesPerSecond(device, threads)));
    } catch (ReplayException e) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "how fast weights go up can't be measured: %s", e.getMessage()),
          e);
    }
  }

  @Override
  public Optional<Tuner> tuner() {
    return Optional.of(new TornadoTuner());
  }

  @Override
  public Optional<String> launches() {
    return Optional.of(launches(TornadoDevices.choose(TornadoDevices.all()).refusalOfReplay()));
  }

  /// @param refusal why they are not replayed, if they are not
  static String launches(Optional<String> refusal) {
    return refusal
        .map(why -> String.format(Locale.ROOT, "task by task (%s)", why))
        .orElse("replayed");
  }

  @Override
  public Session prepare(MoePlan plan, Progress progress) {
    ReplayMode.chosen(); // a wrong one is said before anything is loaded
    if (Offload.divides(plan)) {
      return OffloadArithmetic.prepare(this, plan, device(), progress);
    }
    return UnsupportedSteps.takesRowsOfOthers(plan)
        ? ExpertsOnDevice.prepare(this, plan, device(), progress)
        : session(plan, device(), progress);
  }

  private Session session(MoePlan plan, ChosenDevice device, Progress progress) {
    return GuardedSession.open(
        this, plan, () -> SessionWeights.load(plan, device, progress, progress));
  }

  /// {@return the device that [#devices] says is used}
  public static ChosenDevice device() {
    TornadoSetup.applySettings();
    LateSettings.sayOnce();
    return TornadoDevices.choose(TornadoDevices.all()).chosen();
  }
}
