package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.HostSession;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;

/// The backend named `cpu`. `-Dtornadomoe.cpu.threads` says how many threads it uses, all cores
/// unless set.
public final class CpuBackend implements Backend {
  /// Names the system property.
  public static final String THREADS_PROPERTY = "tornadomoe.cpu.threads";

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public Availability availability() {
    return Availability.yes();
  }

  @Override
  public List<String> devices() {
    String missing = KernelChoice.whyNotVector();
    return List.of(
        String.format(
            Locale.ROOT,
            "%d threads, %s, %s, kernels: %s",
            threads(),
            System.getProperty("os.arch"),
            System.getProperty("java.vm.name") + " " + Runtime.version(),
            KernelChoice.choose().name() + (missing == null ? "" : " (" + missing + ")")));
  }

  @Override
  public Set<Precision> precisions() {
    return EnumSet.allOf(Precision.class);
  }

  @Override
  public Session prepare(MoePlan plan, Progress progress) {
    CpuKernels kernels = KernelChoice.choose();
    return HostSession.load(
        plan,
        CpuLoader.bytes(plan, true, kernels),
        () -> CpuArithmetic.load(plan, true, kernels, threads(), progress));
  }

  /// A session of a backend that has the routed experts elsewhere: their weights are not loaded
  /// here, all other steps run on the CPU.
  ///
  /// @param progress hears how far loading what is left is
  /// @param around makes the whole of it, or closes it and throws
  /// @throws dev.tornadomoe.MoeException as [#prepare] does
  public static Session prepareAroundExperts(
      MoePlan plan, Progress progress, UnaryOperator<Arithmetic> around) {
    CpuKernels kernels = KernelChoice.choose();
    return HostSession.load(
        plan,
        CpuLoader.bytes(plan, false, kernels),
        () -> around.apply(CpuArithmetic.load(plan, false, kernels, threads(), progress)));
  }

  private static int threads() {
    String text = System.getProperty(THREADS_PROPERTY);
    if (text == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    try {
      int threads = Integer.parseInt(text);
      if (threads >= 1 && threads <= 4096) {
        return threads;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new BackendException(
        String.format(
            Locale.ROOT,
            "-D%s=%s: expected a whole number from 1 to 4096",
            THREADS_PROPERTY,
            text));
  }
}
