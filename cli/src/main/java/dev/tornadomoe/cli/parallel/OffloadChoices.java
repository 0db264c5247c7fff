package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.checkpoint.io.FileNames;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.offload.DevicePlacement;
import dev.tornadomoe.offload.Offload;
import dev.tornadomoe.offload.OffloadBudget;
import dev.tornadomoe.offload.OffloadException;
import dev.tornadomoe.offload.OffloadFile;
import dev.tornadomoe.offload.PrefillStreaming;
import dev.tornadomoe.offload.RouteStatistics;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.text.ByteSize;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// The options that divide experts between a device and the CPU.
public final class OffloadChoices {
  /// `-Dtornadomoe.prefill.tokens=256` says from how many tokens on experts go through the device,
  /// instead of what is measured.
  static final String PREFILL_PROPERTY = "tornadomoe.prefill.tokens";

  /// The values of `--prefill`.
  enum Prefill {
    CPU,
    STREAM
  }

  @Option(
      names = "--device-memory",
      paramLabel = "SIZE",
      converter = Size.class,
      description =
          "With --backend tornado: what may be used of the device's memory, as in 8GiB. Experts"
              + " that don't fit are computed by the CPU at the same time (docs/offload.md).")
  private @Nullable Long deviceMemory;

  @Option(
      names = "--prefill",
      paramLabel = "cpu|stream",
      description =
          "With --device-memory or --placement: who computes the experts that are not on the device"
              + " in calls with many tokens: the CPU, or the device, through which their weights go"
              + " where that is faster by measured rates (default: cpu).")
  private @Nullable Prefill prefill;

  /// A file, where there are no ranks.
  private @Nullable String placement;

  /// What decides about prefill, once it is known: all plans of a command go by the same rates.
  private @Nullable PrefillStreaming streaming;

  /// Reads sizes.
  static final class Size implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      return ByteSize.parse(text)
          .orElseThrow(() ->
              new TypeConversionException(
                  String.format(
                      Locale.ROOT, "expected a size as in 512MiB or 8GiB, found %s", text)));
    }
  }

  /// What a file says of the experts on the device, or null.
  public void place(@Nullable String file) {
    placement = file;
  }

  /// Whether experts are to be divided.
  public boolean isAsked() {
    return deviceMemory != null || placement != null || prefill != null;
  }

  /// @throws OffloadException where the options are given with those of ranks
  void requireWhole() {
    if (deviceMemory != null) {
      throw new OffloadException(
          "--device-memory is for one process; with --parallel ep, --placement says which rank has"
              + " which experts");
    }
    if (prefill != null) {
      throw new OffloadException(
          "--prefill is for one process; with --parallel ep each rank computes its own experts");
    }
  }

  /// A plan of all layers, with their experts on the device and on the host.
  ///
  /// @param planner with all other options
  /// @param backend that has the device
  /// @param layers with all experts
  /// @param sessions how many of the plan there will be at once
  /// @throws OffloadException for a budget or placement that does not suit
  public MoePlan plan(
      Planner.Builder planner, Backend backend, List<MoeLayer> layers, int sessions) {
    requireDevice(backend);
    Optional<OffloadFile> file =
        Optional.ofNullable(placement).map(name -> OffloadFile.read(FileNames.path(name)));
    RouteStatistics statistics = file.map(OffloadFile::statistics).orElse(RouteStatistics.EVEN);
    Optional<OffloadBudget> budget =
        Optional.ofNullable(deviceMemory).map(bytes -> new OffloadBudget(backend, bytes, sessions));
    Optional<PrefillStreaming> decides = streaming(backend, layers);
    Optional<DevicePlacement> placed = file.flatMap(found -> found.placement(layers));
    if (placed.isPresent()) {
      MoePlan plan =
          placed.get().isAll(layers)
              ? planner.build().plan(layers)
              : divided(Offload.of(layers, placed.get(), statistics), decides).plan(planner);
      budget.ifPresent(of -> of.require(plan));
      return plan;
    }
    OffloadBudget known = budget.orElseThrow(this::noBudget);
    return decides.map(known::prefill).orElse(known).plan(layers, statistics, planner);
  }

  private static Offload divided(Offload offload, Optional<PrefillStreaming> decides) {
    return decides.map(offload::prefill).orElse(offload);
  }

  private Optional<PrefillStreaming> streaming(Backend backend, List<MoeLayer> layers) {
    if (prefill == Prefill.STREAM && streaming == null) {
      streaming = newStreaming(backend, layers);
    }
    return Optional.ofNullable(streaming);
  }

  private static PrefillStreaming newStreaming(Backend backend, List<MoeLayer> layers) {
    String tokens = System.getProperty(PREFILL_PROPERTY);
    if (tokens == null) {
      return PrefillStreaming.measured(backend, layers);
    }
    try {
      return PrefillStreaming.from(Integer.parseInt(tokens));
    } catch (NumberFormatException e) {
      throw new OffloadException(
          String.format(
              Locale.ROOT, "-D%s=%s: expected a number of tokens", PREFILL_PROPERTY, tokens));
    }
  }

  private OffloadException noBudget() {
    return new OffloadException(
        placement == null
            ? "--prefill is for layers with some experts on a device; give --device-memory or"
                + " --placement with it"
            : String.format(
                Locale.ROOT,
                "--placement %s: says how often experts are chosen, not which are on the"
                    + " device; give --device-memory with it",
                placement));
  }

  private void requireDevice(Backend backend) {
    if (!backend.name().equals(DeviceBackend.NAME)) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "%s is for --backend tornado%s; backend \"%s\" has no device",
              deviceMemory != null
                  ? "--device-memory"
                  : placement != null ? "--placement" : "--prefill",
              deviceMemory == null && placement != null ? " or --parallel ep" : "",
              backend.name()));
    }
  }
}
