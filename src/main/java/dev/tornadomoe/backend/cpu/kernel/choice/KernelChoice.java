package dev.tornadomoe.backend.cpu.kernel.choice;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.cpu.kernel.Species;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// Chooses between the twins: the Vector API where it runs at speed, else scalar code, which is
/// said once, with the remedy. `-Dtornadomoe.cpu.kernels=vector` or `scalar` forces one; a forced
/// choice never falls back.
public final class KernelChoice {
  static final String PROPERTY = "tornadomoe.cpu.kernels";

  private static final String MODULE = "jdk.incubator.vector";
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.cpu");
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private KernelChoice() {}

  /// The kernels to use.
  ///
  /// @throws BackendException when the forced ones can't be had
  public static CpuKernels choose() {
    String bits = System.getProperty(Species.BITS_PROPERTY);
    if (bits != null && !Set.of("128", "256", "512").contains(bits)) {
      throw new BackendException(
          String.format(
              Locale.ROOT, "-D%s=%s: expected 128, 256 or 512", Species.BITS_PROPERTY, bits));
    }
    String forced = System.getProperty(PROPERTY, "auto");
    return switch (forced) {
      case "scalar" -> new ScalarKernels();
      case "vector" -> {
        String missing = whyNotVector();
        if (missing != null) {
          throw new BackendException(
              String.format(Locale.ROOT, "-D%s=vector: %s", PROPERTY, missing));
        }
        yield Vector.kernels();
      }
      case "auto" -> automatic();
      default ->
          throw new BackendException(
              String.format(
                  Locale.ROOT, "-D%s=%s: expected auto, vector or scalar", PROPERTY, forced));
    };
  }

  private static CpuKernels automatic() {
    String missing = whyNotVector();
    if (missing == null) {
      return Vector.kernels();
    }
    if (WARNED.compareAndSet(false, true)) {
      LOG.log(System.Logger.Level.WARNING, "the cpu backend uses scalar code: {0}", missing);
    }
    return new ScalarKernels();
  }

  /// Why the Vector API can't be used, with the remedy, or null when it can.
  public static @Nullable String whyNotVector() {
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      return "the Vector API is not there; start java with --add-modules " + MODULE;
    }
    if (isSet("UseJVMCICompiler")) {
      return "the JVMCI compiler does not know the Vector API; start java with"
          + " -XX:-UseJVMCICompiler";
    }
    return null;
  }

  private static void read(Module module) {
    KernelChoice.class.getModule().addReads(module);
  }

  private static boolean isSet(String flag) {
    HotSpotDiagnosticMXBean bean =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    try {
      return bean != null && Boolean.parseBoolean(bean.getVMOption(flag).getValue());
    } catch (IllegalArgumentException e) {
      return false; // this JVM has no such flag
    }
  }

  /// Loaded only where the module is there.
  private static final class Vector {
    static CpuKernels kernels() {
      // Our module does not require it, not even statically: that alone is a warning in each build
      // that requires us.
      ModuleLayer.boot().findModule(MODULE).ifPresent(KernelChoice::read);
      return new VectorKernels();
    }
  }
}
