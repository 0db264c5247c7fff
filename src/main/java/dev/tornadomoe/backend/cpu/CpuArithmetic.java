package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.CoreUse;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.step.PlanNeeds;
import dev.tornadomoe.backend.cpu.step.SessionScratch;
import dev.tornadomoe.backend.cpu.step.SessionTeam;
import dev.tornadomoe.backend.cpu.step.TeamScratch;
import dev.tornadomoe.backend.cpu.team.CoreProbe;
import dev.tornadomoe.backend.cpu.team.WorkerTeam;
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
  private final WorkerTeam team;
  private final CpuKernels kernels;
  private final TeamScratch teamScratch;
  private final boolean experts;
  private final List<CpuLayer> layers;
  private final WeightMemory memory;
  private @Nullable List<CpuLayer> fastLayers;

  private CpuArithmetic(
      Arena arena,
      WorkerTeam team,
      CpuKernels kernels,
      boolean experts,
      List<CpuLayer> layers,
      WeightMemory memory) {
    this.arena = arena;
    this.team = team;
    this.kernels = kernels;
    this.teamScratch = new TeamScratch(team, kernels);
    this.experts = experts;
    this.layers = layers;
    this.memory = memory;
  }

  /// @param experts whether the routed experts are loaded too; without them no step of theirs can
  ///   run
  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  static CpuArithmetic load(
      MoePlan plan, boolean experts, CpuKernels kernels, int threads, Progress progress) {
    Arena arena = Arena.ofShared();
    try {
      CpuLoader loader = new CpuLoader(kernels, plan, experts, arena, progress);
      List<CpuLayer> layers = loader.load(plan, threads);
      return new CpuArithmetic(
          arena, new WorkerTeam(threads), kernels, experts, layers, loader.memory());
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    SessionScratch scratch =
        new SessionScratch(PlanNeeds.of(plan, experts, kernels), teamScratch, kernels);
    return new CpuSteps(
        new SessionTeam(team, Interruption.of(plan)), kernels, at(plan.options().precision()), scratch);
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
    return Optional.of(new CpuMemoryProbe(team, kernels, layers));
  }

  @Override
  public Optional<CoreUse> coreUse() {
    return CoreProbe.of(team.threads());
  }

  @Override
  public WeightMemory weightMemory() {
    return memory;
  }

  @Override
  public void close() {
    team.close();
    arena.close();
  }
}
