package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.MemoryProbe;
import dev.tornadomoe.backend.Placement;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Precision;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Compiles the operations with arithmetic to steps on a team of threads.
final class CpuArithmetic implements Arithmetic {
  private final Arena arena;
  private final WorkerTeam team;
  private final CpuKernels kernels;
  private final List<CpuLayer> layers;
  private final WeightMemory memory;

  private CpuArithmetic(
      Arena arena,
      WorkerTeam team,
      CpuKernels kernels,
      List<CpuLayer> layers,
      WeightMemory memory) {
    this.arena = arena;
    this.team = team;
    this.kernels = kernels;
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
      return new CpuArithmetic(arena, new WorkerTeam(threads), kernels, layers, loader.memory());
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public StepCompiler compiler(MoePlan plan) {
    return this::compile;
  }

  private HostStep compile(Operation operation, StepContext context) {
    CpuLayer layer = layers.get(context.place()).at(context.precision());
    ExpertMap map = context.experts();
    int topK = context.layer().topK();
    int experts = map.localExperts();
    return switch (operation) {
      case Operation.RouterLogits op ->
          project(
              List.of(Projection.of(required(layer.router()))),
              new AllTokens(),
              context.maxTokens(),
              context.buffer(op.input()),
              context.buffer(op.logits()));
      case Operation.SharedGateUp op ->
          project(
              List.of(required(layer.shared()).gateUp()),
              new AllTokens(),
              context.maxTokens(),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case Operation.SharedDown op -> sharedDown(op, layer, context);
      case Operation.GateUp op ->
          project(
              gateUps(layer),
              new PairGroups(map, context.buffer(op.ids()), topK, context.maxTokens()),
              context.maxTokens(),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case Operation.GroupedGateUp op ->
          project(
              gateUps(layer),
              new SortedGroups(
                  experts, context.buffer(op.order()), context.buffer(op.offsets()), topK, false),
              context.maxTokens(),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case Operation.GroupedDown op ->
          project(
              downs(layer),
              new SortedGroups(
                  experts, context.buffer(op.order()), context.buffer(op.offsets()), topK, true),
              context.maxTokens(),
              context.buffer(op.activated()),
              context.buffer(op.target()));
      case Operation.BatchedGateUp op ->
          project(
              gateUps(layer),
              new BatchedGroups(experts, context.buffer(op.counts()), context.maxTokens()),
              context.maxTokens(),
              context.buffer(op.batched()),
              context.buffer(op.activated()));
      case Operation.BatchedDown op ->
          project(
              downs(layer),
              new BatchedGroups(experts, context.buffer(op.counts()), context.maxTokens()),
              context.maxTokens(),
              context.buffer(op.activated()),
              context.buffer(op.target()));
      case Operation.DownReduce op ->
          new DownReduceStep(
              team,
              layer.experts(),
              map,
              topK,
              context.buffer(op.activated()),
              context.buffer(op.ids()),
              context.bufferOrNull(op.weights()),
              finish(op, context));
      case Operation.Reduce op ->
          reduce(
              context,
              op.pairs(),
              (pair, expert) -> pair,
              op.ids(),
              op.weights(),
              finish(op, context));
      case Operation.BatchedReduce op -> {
        BufferRef rows = context.buffer(op.rows());
        yield reduce(
            context,
            op.batched(),
            (pair, expert) -> (long) expert * context.maxTokens() + rows.getInt(pair),
            op.ids(),
            op.weights(),
            new Finish(List.of(), context.buffer(op.target())));
      }
      default ->
          throw new BackendException(
              String.format(Locale.ROOT, "the cpu backend does not know \"%s\"", operation.name()));
    };
  }

  private HostStep project(
      List<Projection> projections,
      TokenGroups groups,
      int maxTokens,
      BufferRef input,
      BufferRef output) {
    return new ProjectionStep(team, kernels, projections, groups, maxTokens, input, output);
  }

  private static List<Projection> gateUps(CpuLayer layer) {
    return layer.experts().stream().map(CpuMlp::gateUp).toList();
  }

  private static List<Projection> downs(CpuLayer layer) {
    return layer.experts().stream().map(expert -> Projection.of(expert.down())).toList();
  }

  private HostStep sharedDown(Operation.SharedDown op, CpuLayer layer, StepContext context) {
    CpuMlp shared = required(layer.shared());
    CpuLinear gate = layer.sharedGate();
    BufferRef activated = context.buffer(op.activated());
    BufferRef target = context.buffer(op.target());
    return gate == null
        ? project(
            List.of(Projection.of(shared.down())),
            new AllTokens(),
            context.maxTokens(),
            activated,
            target)
        : new SharedDownStep(
            team, shared, gate, context.maxTokens(), context.buffer(op.input()), activated, target);
  }

  private HostStep reduce(
      StepContext context,
      Operand source,
      ReduceStep.PairRows rows,
      Operand ids,
      @Nullable Operand weights,
      Finish finish) {
    return new ReduceStep(
        team,
        kernels,
        context.experts(),
        context.layer().topK(),
        context.layer().hidden(),
        context.buffer(source),
        rows,
        context.buffer(ids),
        context.bufferOrNull(weights),
        finish);
  }

  private static Finish finish(Operation.Finishing operation, StepContext context) {
    return new Finish(
        operation.addends().stream().map(context::buffer).toList(),
        context.buffer(operation.target()));
  }

  private static <T> T required(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("the plan uses a part that the layer does not have");
    }
    return part;
  }

  @Override
  public Optional<MemoryProbe> memoryProbe() {
    return Optional.of(new CpuMemoryProbe(team, kernels, layers));
  }

  @Override
  public Optional<Placement> placement() {
    return ThreadPlacement.of(team.threads());
  }

  @Override
  public Set<Precision> precisions() {
    return EnumSet.allOf(Precision.class);
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
