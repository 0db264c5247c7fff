package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.cli.console.DeviceBackend;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.offload.OffloadException;
import dev.tornadomoe.parallel.CombineMode;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.ParallelException;
import dev.tornadomoe.plan.AliasMode;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The options that say how a plan is made and what runs it, shared by the commands.
public final class PlanChoices {

  /// The values of `--alias`.
  public enum Alias {
    ON(AliasMode.AUTO),
    OFF(AliasMode.OFF),
    REQUIRE(AliasMode.REQUIRE);

    public final AliasMode mode;

    Alias(AliasMode mode) {
      this.mode = mode;
    }
  }

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "auto",
      description =
          "What runs it: auto, cpu, reference or tornado (default: ${DEFAULT-VALUE}). A named one"
              + " is never replaced by another.")
  private String backend = "auto";

  @Option(
      names = "--precision",
      paramLabel = "exact|fast",
      defaultValue = "exact",
      description =
          "exact: activations in F32; fast: rounded to 8 bits where weights have 4, on backends"
              + " that have it (default: ${DEFAULT-VALUE}).")
  private Precision precision = Precision.EXACT;

  @Option(
      names = "--experts",
      paramLabel = "NAME",
      description = "Experts to use instead of the best: hybrid, fused, unreduced or batched.")
  private @Nullable String experts;

  @Mixin private OffloadChoices offload = new OffloadChoices();

  /// The chosen backend.
  ///
  /// @throws BackendException when it is not there, or does not have the precision
  public Backend backend() {
    Backend chosen = backend.equals("auto") ? Backends.auto() : DeviceBackend.require(backend);
    if (!chosen.precisions().contains(precision)) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "--precision %s: backend \"%s\" does not have it; use --precision exact",
              precision,
              chosen.name()));
    }
    return chosen;
  }

  /// How activations enter the products.
  public Precision precision() {
    return precision;
  }

  /// What `--placement` says of a device's experts; whether there is one shows later.
  void place(@Nullable String placement) {
    offload.place(placement);
  }

  /// Refuses choices that are for one process.
  ///
  /// @throws OffloadException for budgets of a device, which ranks don't have
  void requireWhole() {
    offload.requireWhole();
  }

  /// Plans layers: this process's part of each, or all of them with some experts on the device and
  /// some on the host.
  ///
  /// @param planner from [#planner], with all other options
  /// @param layers with all experts
  /// @param sessions how many of the plan there will be at once
  /// @throws OffloadException for a budget or placement that does not suit
  public MoePlan plan(
      Planner.Builder planner,
      Backend runs,
      List<MoeLayer> layers,
      ProcessGroup processes,
      int sessions) {
    if (!offload.isAsked()) {
      return planner.build().plan(layers.stream().map(processes::part).toList());
    }
    if (experts != null) {
      throw new OffloadException(
          String.format(
              Locale.ROOT,
              "--experts %s: --device-memory and --placement decide which experts there are",
              experts));
    }
    return offload.plan(planner, runs, layers, sessions);
  }

  /// What comes back from other ranks unless the user says: rows are dear on their way to a device.
  CombineMode combine() {
    return backend().name().equals(DeviceBackend.NAME) ? CombineMode.RANK : CombineMode.PAIR;
  }

  /// A planner with these choices.
  ///
  /// @param processes whose ranks decide the pieces where there are several
  /// @throws ParallelException for other experts than theirs
  public Planner.Builder planner(AliasMode alias, ProcessGroup processes) {
    Planner.Builder planner = Planner.builder().outputAliasing(alias).precision(precision);
    ExpertParallelism parallelism = processes.parallelism();
    if (parallelism != null && experts != null) {
      throw new ParallelException(
          String.format(
              Locale.ROOT,
              "--experts %s: with --parallel ep, --combine decides which experts there are",
              experts));
    }
    if (parallelism != null) {
      planner.modularMoe(parallelism::modularMoe);
    } else if (experts != null) {
      planner.modularMoe(ExpertsCatalog.named(experts));
    }
    return planner;
  }

  /// The same, with the pieces that suit the backend where nobody decides others.
  public Planner.Builder planner(
      AliasMode alias, Backend runs, List<MoeLayer> layers, ProcessGroup processes) {
    Planner.Builder planner = planner(alias, processes);
    runs.modularMoe(layers).ifPresent(planner::preferredModularMoe);
    return planner;
  }
}
