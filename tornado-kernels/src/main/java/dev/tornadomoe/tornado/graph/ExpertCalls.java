package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Calls of experts that take one token at a time, the shared expert's among them where it is in
/// arrays by itself.
final class ExpertCalls {
  private final LayerContext context;
  private final RouterCalls router;
  private final DeviceLayer weights;
  private final TokenProjections projections;
  private final TokenProjections sharedProjections;

  ExpertCalls(LayerContext context, RouterCalls router) {
    this.context = context;
    this.router = router;
    this.weights = context.weights();
    this.projections = new TokenProjections(context, KernelActivation.of(context.layer()));
    this.sharedProjections =
        new TokenProjections(context, KernelActivation.ofShared(context.layer()));
  }

  private boolean isSharedFused() {
    return context.steps().extra() > 0;
  }

  private @Nullable DeviceExperts separateShared() {
    return isSharedFused() ? null : weights.shared();
  }

  List<KernelCall> sharedGateUp(DenseOperation.SharedGateUp op) {
    List<KernelCall> calls = new ArrayList<>(router.gateApart(context.floats(op.input())));
    if (isSharedFused()) {
      return calls;
    }
    DeviceExperts shared = separateShared();
    if (shared == null) {
      // Kept among the experts, for a plan whose steps can't be fused.
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "layer %d: experts that accumulate into the output can't run on a device beside"
                  + " shared experts",
              context.layer().index()));
    }
    Factors gate = router.sharedFactors();
    calls.add(
        sharedProjections.gateUp(
            "sharedGateUp",
            shared,
            context.arrays().ints(KernelArray.NO_IDS),
            new ProjectionRows(context.floats(op.input()), gate, context.floats(op.activated())),
            Pairs.ofShared(context.tokens())));
    return calls;
  }

  List<KernelCall> sharedDown(DenseOperation.SharedDown op) {
    DeviceExperts shared = separateShared();
    if (shared == null) {
      return List.of();
    }
    FloatArray target = context.floats(op.target());
    return List.of(
        sharedProjections.down(
            "sharedDown",
            shared,
            context.arrays().ints(KernelArray.NO_IDS),
            new DownRows(
                context.floats(op.activated()),
                Factors.none(context),
                Addends.of(List.of(), target, context),
                target),
            Pairs.ofShared(context.tokens())));
  }

  List<KernelCall> gateUp(ExpertOperation.GateUp op) {
    TokenProjections.Routing routing = router.routing();
    if (routing != null) {
      return List.of(
          projections.routedGateUp(
              weights.parts().getFirst(), routing, context.ints(op.ids()), rows(op)));
    }
    return weights.parts().stream()
        .map(part ->
            projections.gateUp("gateUp", part, context.ints(op.ids()), rows(op), context.pairs()))
        .toList();
  }

  private ProjectionRows rows(ExpertOperation.GateUp op) {
    return new ProjectionRows(
        context.floats(op.input()), router.expertFactors(), context.floats(op.activated()));
  }

  /// The first part adds what the step adds, each other adds to the sum of those before.
  List<KernelCall> downReduce(ReduceOperation.DownReduce op) {
    Operand routed = op.weights();
    FloatArray target = context.floats(op.target());
    List<KernelCall> calls = new ArrayList<>();
    for (DeviceExperts part : weights.parts()) {
      Addends addends =
          calls.isEmpty() ? context.addends(op.addends(), target) : Addends.target(context);
      Factors factors = Factors.ofWeights(routed == null ? null : context.floats(routed), context);
      calls.add(
          projections.down(
              "down",
              part,
              context.ints(op.ids()),
              new DownRows(context.floats(op.activated()), factors, addends, target),
              context.pairs()));
    }
    return calls;
  }
}
