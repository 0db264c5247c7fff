package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.cpu.kernel.choice.CpuKernels;
import dev.tornadomoe.backend.cpu.step.AllTokens;
import dev.tornadomoe.backend.cpu.step.BatchedGroups;
import dev.tornadomoe.backend.cpu.step.CpuLinear;
import dev.tornadomoe.backend.cpu.step.CpuMlp;
import dev.tornadomoe.backend.cpu.step.DownReduceStep;
import dev.tornadomoe.backend.cpu.step.Epilogue;
import dev.tornadomoe.backend.cpu.step.PairGroups;
import dev.tornadomoe.backend.cpu.step.Projection;
import dev.tornadomoe.backend.cpu.step.ProjectionStep;
import dev.tornadomoe.backend.cpu.step.ReduceStep;
import dev.tornadomoe.backend.cpu.step.SessionScratch;
import dev.tornadomoe.backend.cpu.step.SessionTeam;
import dev.tornadomoe.backend.cpu.step.SharedDownStep;
import dev.tornadomoe.backend.cpu.step.SortedGroups;
import dev.tornadomoe.backend.cpu.step.TokenGroups;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.NormStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Compiles one session's arithmetic to steps on a team of threads.
///
/// @param layers in the session's precision
/// @param scratch that all its steps use
record CpuSteps(SessionTeam team, CpuKernels kernels, List<CpuLayer> layers, SessionScratch scratch)
    implements StepCompiler {

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    CpuLayer layer = layers.get(context.layerIndex());
    ExpertMap map = context.experts();
    int topK = context.layer().topK();
    int experts = map.localExperts();
    return switch (operation) {
      case DenseOperation.RouterIn op ->
          allTokens(required(required(layer.router()).in()), op.input(), op.target(), context);
      case DenseOperation.RouterHidden op ->
          project(
              List.of(required(layer.router()).hidden().get(op.index())),
              new AllTokens(),
              context.buffer(op.input()),
              context.buffer(op.target()));
      case DenseOperation.RouterLogits op ->
          allTokens(required(layer.router()).logits(), op.input(), op.logits(), context);
      case DenseOperation.SharedGateUp op ->
          project(
              List.of(required(layer.shared()).gateUp()),
              new AllTokens(),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case DenseOperation.SharedDown op -> sharedDown(op, layer, context);
      case DenseOperation.LatentIn op ->
          allTokens(required(layer.latentIn()), op.input(), op.target(), context);
      case DenseOperation.LatentOut op ->
          allTokens(required(layer.latentOut()), op.input(), op.target(), context);
      case ExpertOperation.GateUp op ->
          project(
              layer.gateUps(),
              new PairGroups(
                  map, context.buffer(op.ids()), topK, context.maxTokens(), scratch.indices()),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case ExpertOperation.GroupedGateUp op ->
          project(
              layer.gateUps(),
              new SortedGroups(
                  experts,
                  context.buffer(op.order()),
                  context.buffer(op.offsets()),
                  topK,
                  false,
                  context.maxTokens(),
                  scratch.indices()),
              context.buffer(op.input()),
              context.buffer(op.activated()));
      case ExpertOperation.GroupedDown op ->
          project(
              layer.downs(),
              new SortedGroups(
                  experts,
                  context.buffer(op.order()),
                  context.buffer(op.offsets()),
                  topK,
                  true,
                  context.maxTokens(),
                  scratch.indices()),
              context.buffer(op.activated()),
              context.buffer(op.target()));
      case ExpertOperation.BatchedGateUp op ->
          project(
              layer.gateUps(),
              new BatchedGroups(
                  experts, context.buffer(op.counts()), context.maxTokens(), scratch.indices()),
              context.buffer(op.batched()),
              context.buffer(op.activated()));
      case ExpertOperation.BatchedDown op ->
          project(
              layer.downs(),
              new BatchedGroups(
                  experts, context.buffer(op.counts()), context.maxTokens(), scratch.indices()),
              context.buffer(op.activated()),
              context.buffer(op.target()));
      case OffloadOperation op -> throw new BackendException(refusal(context.layer(), op));
      case ReduceOperation.DownReduce op ->
          new DownReduceStep(
              team,
              scratch,
              layer.experts(),
              map,
              topK,
              context.buffer(op.activated()),
              context.buffer(op.ids()),
              context.bufferOrNull(op.weights()),
              epilogue(op, context));
      case ReduceOperation.Reduce op -> reducePairs(context, op, null);
      case ReduceOperation.ReduceNorm op ->
          reducePairs(context, op.reduce(), NormStep.ofRows(op.norm(), context));
      case ReduceOperation.BatchedReduce op -> {
        BufferRef rows = context.buffer(op.rows());
        yield reduce(
            context,
            op.batched(),
            (pair, expert) -> (long) expert * context.maxTokens() + rows.getInt(pair),
            op.ids(),
            op.weights(),
            new Epilogue(List.of(), context.buffer(op.target())),
            null);
      }
    };
  }

  /// Why a step can't run on a host alone.
  static String refusal(MoeLayer layer, OffloadOperation operation) {
    return String.format(
        Locale.ROOT,
        "layer %d: step \"%s\" is for experts on a device, and backend cpu has none; backend"
            + " tornado runs it",
        layer.index(),
        operation.name());
  }

  private HostStep project(
      List<Projection> projections, TokenGroups groups, BufferRef input, BufferRef output) {
    return new ProjectionStep(team, scratch, projections, groups, input, output);
  }

  private HostStep allTokens(CpuLinear linear, Operand input, Operand target, StepContext context) {
    return project(
        List.of(Projection.of(linear)),
        new AllTokens(),
        context.buffer(input),
        context.buffer(target));
  }

  private HostStep sharedDown(DenseOperation.SharedDown op, CpuLayer layer, StepContext context) {
    CpuMlp shared = required(layer.shared());
    CpuLinear gate = layer.sharedGate();
    BufferRef activated = context.buffer(op.activated());
    BufferRef target = context.buffer(op.target());
    return gate == null
        ? project(List.of(Projection.of(shared.down())), new AllTokens(), activated, target)
        : new SharedDownStep(
            team, scratch, shared, gate, context.buffer(op.input()), activated, target);
  }

  private HostStep reducePairs(
      StepContext context, ReduceOperation.Reduce op, @Nullable NormStep norm) {
    return reduce(
        context,
        op.pairs(),
        (pair, expert) -> pair,
        op.ids(),
        op.weights(),
        epilogue(op, context),
        norm);
  }

  private HostStep reduce(
      StepContext context,
      Operand source,
      ReduceStep.PairRows rows,
      Operand ids,
      @Nullable Operand weights,
      Epilogue epilogue,
      @Nullable NormStep norm) {
    return new ReduceStep(
        team,
        scratch,
        kernels,
        context.experts(),
        context.columns(ids),
        context.layer().experts().hidden(),
        context.buffer(source),
        rows,
        context.buffer(ids),
        context.bufferOrNull(weights),
        epilogue,
        norm);
  }

  private static Epilogue epilogue(ReduceOperation.Finishing operation, StepContext context) {
    return new Epilogue(
        operation.addends().stream().map(context::buffer).toList(),
        context.buffer(operation.target()));
  }

  private static <T> T required(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("the plan uses a part that the layer does not have");
    }
    return part;
  }
}
