package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.step.PlanNeeds;
import dev.tornadomoe.backend.cpu.step.SessionScratch;
import dev.tornadomoe.backend.cpu.step.SessionTeam;
import dev.tornadomoe.backend.cpu.team.CoreProbe;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.Interruption;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Weights in the kernels' form, and the team of threads that computes with them.
final class CpuArithmetic implements Arithmetic {
  private final Arena arena;
  private final CpuTeam team;
  private final boolean experts;
  private final List<CpuLayer> layers;
  private final WeightMemory memory;
  private @Nullable List<CpuLayer> fastLayers;

  private CpuArithmetic(
      Arena arena, CpuTeam team, boolean experts, List<CpuLayer> layers, WeightMemory memory) {
    this.arena = arena;
    this.team = team;
    this.experts = experts;
    this.layers = layers;
    this.memory = memory;
  }

  /// @param experts whether the routed experts are loaded too; without them no step of theirs can
  ///   run
  /// @param team that has been joined for this; it is left when this is closed, or comes to nothing
  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  static CpuArithmetic load(MoePlan plan, boolean experts, CpuTeam team, Progress progress) {
    Arena arena = Arena.ofShared();
    try {
      CpuLoader loader = new CpuLoader(team.kernels(), plan, experts, arena, progress);
      List<CpuLayer> layers = loader.load(plan, team.workers().threads());
      return new CpuArithmetic(arena, team, experts, layers, loader.memory());
    } catch (RuntimeException | Error e) {
      arena.close();
      team.leave();
      throw e;
    }
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    CpuKernels kernels = team.kernels();
    return new CpuSteps(
        new SessionTeam(team.workers(), Interruption.of(plan)),
        kernels,
        at(plan.options().precision()),
        new SessionScratch(PlanNeeds.of(plan, experts, kernels), team.scratch(), kernels));
  }

  private synchronized List<CpuLayer> at(Precision precision) {
    if (precision == Precision.EXACT) {
      return layers;
    }
    if (fastLayers == null) {
      fastLayers = layers.stream().map(layer -> layer.at(precision)).toList();
    }
    return fastLayers;
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return Optional.of(new CpuMemoryProbe(team.workers(), team.kernels(), layers));
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return CoreProbe.of(team.workers().threads());
  }

  @Override
  public WeightMemory weightMemory() {
    return memory;
  }

  @Override
  public void close() {
    team.leave();
    arena.close();
  }
}
