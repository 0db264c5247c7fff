package dev.tornadomoe.cli;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.cli.parallel.ArrayCall;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.ActivationFormat;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.Support;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Counts how often a layer's router chooses each expert: experts that note who they are and
/// compute nothing, so that the weights of real ones are not loaded.
final class RouteCounter implements Experts {
  private static final int SLICE_TOKENS = 1024;

  private final int topK;
  private final long[] chosen;

  private RouteCounter(MoeLayer layer) {
    this.topK = layer.topK();
    this.chosen = new long[layer.globalExperts()];
  }

  /// {@return for each of the router's experts how many of these rows choose it}
  static long[] count(MoeLayer layer, HiddenStates rows) {
    if (rows.tokens() == 0) {
      return new long[layer.globalExperts()];
    }
    RouteCounter counter = new RouteCounter(layer);
    MoePlan plan =
        Planner.builder()
            .maxTokens(rows.tokens())
            .chunkTokens(SLICE_TOKENS)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), counter))
            .build()
            .plan(withoutShared(layer));
    try (Session session =
        GuardedSession.open(
            new CpuBackend(), plan, () -> CpuBackend.aroundExperts(plan, Progress.NONE))) {
      session.run(
          ArrayCall.of(rows.rows(), rows.tokens(), new float[rows.rows().length], rows.keys()));
    }
    return counter.chosen;
  }

  private static MoeLayer withoutShared(MoeLayer layer) {
    return new MoeLayer(
        layer.index(),
        layer.topK(),
        layer.router(),
        layer.experts(),
        null,
        layer.routerWeightOnInput(),
        layer.identityExperts(),
        layer.latent(),
        layer.norms());
  }

  @Override
  public String name() {
    return "counting";
  }

  @Override
  public Support supports(MoeLayer layer) {
    return Support.yes();
  }

  @Override
  public ActivationFormat format() {
    return ActivationFormat.STANDARD;
  }

  @Override
  public Set<Capability> capabilities() {
    return EnumSet.of(Capability.CHUNKABLE);
  }

  @Override
  public TopKWeightAndReduce weightAndReduce() {
    return new TopKWeightAndReduce.NoOp();
  }

  @Override
  public Shape outputShape(Problem problem) {
    return Shape.of(problem.tokens(), problem.hidden());
  }

  @Override
  public List<Workspace> workspaces(Problem problem) {
    return List.of();
  }

  @Override
  public List<Operation> operations(Problem problem, ExpertInput input) {
    return List.of(
        new CustomOperation(
            "count",
            List.of(Access.read(input.ids()), Access.overwrite(Operand.FUSED_OUT)),
            (memory, tokens) -> {
              count(memory.of(input.ids()), tokens);
              memory.of(Operand.FUSED_OUT).fill((byte) 0);
            }));
  }

  private void count(MemorySegment ids, int tokens) {
    for (int pair = 0; pair < tokens * topK; pair++) {
      int expert = ids.getAtIndex(ValueLayout.JAVA_INT, pair);
      if (expert >= 0) {
        chosen[expert]++;
      }
    }
  }
}
