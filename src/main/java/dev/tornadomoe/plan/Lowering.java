package dev.tornadomoe.plan;

import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.layer.SharedExperts;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.Capability;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.PrepareAndFinalize;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Turns one layer and its pieces into a first draft: correct, with every buffer of its own and
/// every copy in place. Order: route, prepare, shared experts and those without weights, receive,
/// experts, finalize. Shared experts run first so that their result can be added by the experts'
/// last step, and so that nobody needs the hidden states any more when that writes.
final class Lowering {
  private final MoeLayer layer;
  private final ModularMoe modularMoe;
  private final Problem problem;
  private final CallSpec call;
  private final List<LayerDraft.Stage> stages = new ArrayList<>();
  private final Map<Operand, Workspace> scratch = new LinkedHashMap<>();

  private Lowering(MoeLayer layer, ModularMoe modularMoe, Problem problem, CallSpec call) {
    this.layer = layer;
    this.modularMoe = modularMoe;
    this.problem = problem;
    this.call = call;
  }

  /// Lowers one layer.
  ///
  /// @param staged whether results are finished in a private buffer where they would otherwise be
  ///   finished in the output
  static LayerDraft lower(
      MoeLayer layer, ModularMoe modularMoe, Problem problem, CallSpec call, boolean staged) {
    return new Lowering(layer, modularMoe, problem, call).lower(staged);
  }

  private LayerDraft lower(boolean staged) {
    if (problem.tokens() > 0) {
      Operand input = convertedHidden();
      route(input);
      Operand experts = normed(Phase.PREPARE, OwnNorms.Place.EXPERTS, input, Operand.EXPERTS_INPUT);
      Operand rows = latent(weighted(experts));
      prepare(rows);
      shared(experts);
      identities(experts);
      modularMoe.prepareAndFinalize().receive(rows).forEach(this::prepareStage);
      experts(
          modularMoe
              .prepareAndFinalize()
              .expertInput(rows, layer.routerWeightOnInput() ? null : Operand.TOPK_WEIGHTS));
      finish(staged);
    }
    return new LayerDraft(layer, modularMoe, problem, List.copyOf(stages), scratch, false);
  }

  private Operand convertedHidden() {
    if (call.hiddenType() == DType.F32) {
      return Operand.HIDDEN;
    }
    rows(Operand.HIDDEN_F32, layer.hidden());
    prepareStage(new RowOperation.Copy(Operand.HIDDEN, Operand.HIDDEN_F32));
    return Operand.HIDDEN_F32;
  }

  private void route(Operand input) {
    if (call.callerRoutes()) {
      return;
    }
    if (layer.router() == null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d has no router, so the caller must give ids and weights (callerRoutes)",
              layer.index()));
    }
    TokenKey key = layer.router().gating().key();
    rows(Operand.ROUTER_LOGITS, problem.globalExperts());
    if (!call.results().contains(CallerRegion.TOPK_IDS)) {
      Shape pairs = Shape.of(problem.tokens(), problem.topK());
      scratch(new Workspace(Operand.TOPK_IDS, DType.I32, pairs));
      scratch(new Workspace(Operand.TOPK_WEIGHTS, DType.F32, pairs));
    }
    Operand rows = normed(Phase.ROUTE, OwnNorms.Place.ROUTER, input, Operand.ROUTER_INPUT);
    add(
        Phase.ROUTE,
        new DenseOperation.RouterLogits(
            routerMlp(layer.router().mlp(), rows), Operand.ROUTER_LOGITS));
    add(
        Phase.ROUTE,
        new RouteOperation.SelectExperts(
            Operand.ROUTER_LOGITS,
            key == null ? null : CallerRegion.of(key.kind()).operand(),
            Operand.TOPK_IDS,
            Operand.TOPK_WEIGHTS));
  }

  /// What the router's logits are computed of: the rows themselves where no MLP is before them.
  private Operand routerMlp(@Nullable RouterMlp mlp, Operand input) {
    if (mlp == null) {
      return input;
    }
    Operand from = Operand.ROUTER_ROWS;
    Operand to = Operand.ROUTER_HIDDEN;
    rows(from, mlp.size());
    rows(to, mlp.size());
    add(Phase.ROUTE, new DenseOperation.RouterIn(input, from));
    add(Phase.ROUTE, new RowOperation.RouterStates(from, Operand.ROUTER_STATES, mlp.goesOn()));
    for (int index = 0; index < mlp.hidden().size(); index++) {
      add(Phase.ROUTE, new DenseOperation.RouterHidden(index, from, to));
      Operand written = to;
      to = from;
      from = written;
    }
    return from;
  }

  /// The hidden states after a norm of the layer's own, or as they are.
  private Operand normed(Phase phase, OwnNorms.Place place, Operand input, Operand target) {
    if (layer.norms().at(place) == null) {
      return input;
    }
    rows(target, layer.hidden());
    add(phase, new RowOperation.OwnNorm(place, input, target));
    return target;
  }

  private Operand weighted(Operand input) {
    if (!layer.routerWeightOnInput()) {
      return input;
    }
    rows(Operand.WEIGHTED_HIDDEN, layer.hidden());
    prepareStage(
        new RowOperation.WeightInput(input, Operand.TOPK_WEIGHTS, Operand.WEIGHTED_HIDDEN));
    return Operand.WEIGHTED_HIDDEN;
  }

  private Operand latent(Operand input) {
    if (layer.latent() == null) {
      return input;
    }
    rows(Operand.LATENT_HIDDEN, problem.hidden());
    prepareStage(new DenseOperation.LatentIn(input, Operand.LATENT_HIDDEN));
    return Operand.LATENT_HIDDEN;
  }

  private void prepare(Operand rows) {
    PrepareAndFinalize prepareAndFinalize = modularMoe.prepareAndFinalize();
    prepareAndFinalize.workspaces(problem).forEach(this::scratch);
    prepareAndFinalize.prepare(rows).forEach(this::prepareStage);
  }

  private void shared(Operand input) {
    SharedExperts shared = layer.shared();
    if (shared == null) {
      return;
    }
    rows(Operand.SHARED_ACTIVATED, shared.mlp().intermediate());
    rows(Operand.SHARED_OUT, layer.hidden());
    add(Phase.SHARED, new DenseOperation.SharedGateUp(input, Operand.SHARED_ACTIVATED));
    add(
        Phase.SHARED,
        new DenseOperation.SharedDown(input, Operand.SHARED_ACTIVATED, Operand.SHARED_OUT));
  }

  /// Beside the shared experts for the same reasons, and added in the same way.
  private void identities(Operand input) {
    if (layer.identityExperts() == 0) {
      return;
    }
    rows(Operand.IDENTITY_OUT, layer.hidden());
    add(
        Phase.SHARED,
        new RowOperation.IdentityExperts(
            input, Operand.TOPK_IDS, Operand.TOPK_WEIGHTS, Operand.IDENTITY_OUT));
  }

  private void experts(ExpertInput input) {
    Experts experts = modularMoe.experts();
    Problem expertProblem = modularMoe.expertProblem(problem);
    experts.workspaces(expertProblem).forEach(this::scratch);
    scratch(new Workspace(Operand.FUSED_OUT, DType.F32, experts.outputShape(expertProblem)));
    if (experts.capabilities().contains(Capability.ACCUMULATES_INTO_OUTPUT)) {
      add(Phase.EXPERTS, new RowOperation.Zero(Operand.FUSED_OUT));
    }
    experts.operations(expertProblem, input).forEach(operation -> add(Phase.EXPERTS, operation));
  }

  private void finish(boolean staged) {
    if (call.output() == OutputForm.DEFERRED) {
      finalStage(LayerDraft.handOver());
      return;
    }
    List<Operation> handOver = summed(Operand.OUTPUT);
    boolean handsOver = LayerDraft.isHandOver(handOver);
    boolean widens = layer.latent() != null;
    if (handsOver && !widens && modularMoe.prepareAndFinalize().isLocal()) {
      // Before the rows are handed over, so that the output is written once and last.
      finishRows(Operand.FUSED_OUT);
      handOver.forEach(this::finalStage);
      return;
    }
    Operand target = staged ? Operand.STAGED_OUT : Operand.OUTPUT;
    if (staged) {
      rows(Operand.STAGED_OUT, layer.hidden());
    }
    if (widens) {
      finalStage(new DenseOperation.LatentOut(handsOver ? Operand.FUSED_OUT : latentSum(), target));
    } else {
      summed(target).forEach(this::finalStage);
    }
    finishRows(target);
    if (staged) {
      finalStage(new RowOperation.Copy(Operand.STAGED_OUT, Operand.OUTPUT));
    }
  }

  /// What brings the experts' rows to their sum.
  private List<Operation> summed(Operand target) {
    return modularMoe
        .prepareAndFinalize()
        .finish(modularMoe.reduce(), !layer.routerWeightOnInput(), target);
  }

  /// The experts' sum in a buffer of its own, where finalize makes it.
  private Operand latentSum() {
    rows(Operand.LATENT_OUT, problem.hidden());
    summed(Operand.LATENT_OUT).forEach(this::finalStage);
    return Operand.LATENT_OUT;
  }

  /// What follows the sum over a token's experts, in the order in which it is defined.
  private void finishRows(Operand target) {
    if (layer.shared() != null) {
      finalStage(new RowOperation.Add(target, Operand.SHARED_OUT));
    }
    if (layer.identityExperts() > 0) {
      finalStage(new RowOperation.Add(target, Operand.IDENTITY_OUT));
    }
    if (layer.norms().output() != null) {
      finalStage(new RowOperation.OwnNorm(OwnNorms.Place.OUTPUT, target, target));
    }
    if (call.residual() != Residual.NONE) {
      finalStage(new RowOperation.Add(target, Operand.RESIDUAL));
    }
    RmsNorm norm = call.norm();
    if (norm != null) {
      // Of the rows in F32, whatever the output's type.
      finalStage(new RowOperation.Norm(target, Operand.NORM_WEIGHTS, norm, Operand.NORMED));
    }
  }

  private void prepareStage(Operation operation) {
    add(Phase.PREPARE, operation);
  }

  private void finalStage(Operation operation) {
    add(Phase.FINALIZE, operation);
  }

  private void add(Phase phase, Operation operation) {
    for (Access access : operation.accesses()) {
      if (access.writes() && isReadOnly(access.operand())) {
        throw new PlanException(
            String.format(
                Locale.ROOT,
                "layer %d: operation \"%s\" writes %s, which must stay as the caller gave it",
                layer.index(),
                operation.name(),
                access.operand()));
      }
    }
    stages.add(new LayerDraft.Stage(phase, operation));
  }

  private boolean isReadOnly(Operand operand) {
    return operand.equals(Operand.HIDDEN)
        || operand.equals(Operand.RESIDUAL)
        || operand.equals(Operand.NORM_WEIGHTS)
        || operand.equals(Operand.TOKEN_IDS)
        || (call.callerRoutes()
            && (operand.equals(Operand.TOPK_IDS) || operand.equals(Operand.TOPK_WEIGHTS)));
  }

  private void rows(Operand operand, long width) {
    scratch(new Workspace(operand, DType.F32, Shape.of(problem.tokens(), width)));
  }

  private void scratch(Workspace workspace) {
    if (scratch.put(workspace.operand(), workspace) != null) {
      throw new PlanException(
          String.format(
              Locale.ROOT,
              "layer %d: two pieces ask for a workspace called \"%s\"",
              layer.index(),
              workspace.operand()));
    }
  }
}
