package dev.tornadomoe.cli.bench;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.cpu.CpuBackend;
import dev.tornadomoe.backend.host.GuardedSession;
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

/// Asks a layer's router where rows go: experts that note who they are and compute nothing, so that
/// the weights of real ones are not loaded.
public final class RoutingProbe implements Experts {
  private static final int SLICE_TOKENS = 1024;

  private final int topK;
  private final int[] noted;
  private int count;

  private RoutingProbe(MoeLayer layer, int tokens) {
    this.topK = layer.topK();
    this.noted = new int[Math.multiplyExact(tokens, topK)];
  }

  /// Runs a layer's router.
  ///
  /// @param call of layer 0 with one token or more, and all that the layer asks; its output is set
  ///   to zeros
  /// @return the chosen experts, `[M, k]`
  public static int[] ids(MoeLayer layer, MoeCall call) {
    RoutingProbe probe = new RoutingProbe(layer, call.tokens());
    MoePlan plan =
        Planner.builder()
            .maxTokens(call.tokens())
            .chunkTokens(SLICE_TOKENS)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), probe))
            .build()
            .plan(withoutShared(layer));
    try (Session session =
        GuardedSession.open(
            new CpuBackend(), plan, () -> CpuBackend.aroundExperts(plan, Progress.NONE))) {
      session.run(call);
    }
    return probe.noted;
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
    return "noting";
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
            "note",
            List.of(Access.read(input.ids()), Access.overwrite(Operand.FUSED_OUT)),
            (memory, tokens) -> {
              note(memory.of(input.ids()), tokens);
              memory.of(Operand.FUSED_OUT).fill((byte) 0);
            }));
  }

  private void note(MemorySegment ids, int tokens) {
    MemorySegment.copy(ids, ValueLayout.JAVA_INT, 0, noted, count, tokens * topK);
    count += tokens * topK;
  }
}
