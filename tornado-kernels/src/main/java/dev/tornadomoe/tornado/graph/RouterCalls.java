package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TableGating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.RouterKernels;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of a layer's router: logits, the shared expert's gate beside them, and selection.
final class RouterCalls {
  /// Work-items that select a token's experts.
  private static final int MOST_THREADS = 512;

  private final LayerContext context;
  private final DeviceLayer weights;
  private final MoeLayer layer;
  private final DenseProjection projection;
  private final FloatArray sharedLogits;
  private RouteOperation.@Nullable SelectExperts heldSelection;

  RouterCalls(LayerContext context) {
    this.context = context;
    this.weights = context.weights();
    this.layer = context.layer();
    this.projection = new DenseProjection(context);
    this.sharedLogits = context.arrays().floats(KernelArray.SHARED_LOGITS);
  }

  /// What the shared expert is multiplied by where it is by itself: its gate, if it has one.
  Factors sharedFactors() {
    return weights.isSharedGated()
        ? new Factors(sharedLogits, Flags.SHARED_GATE)
        : Factors.none(context);
  }

  /// What gate and up of the routed experts, and of what is fused with them, are multiplied by.
  Factors expertFactors() {
    if (context.steps().weighsInput()) {
      return Factors.ofWeights(context.floats(Operand.TOPK_WEIGHTS), context);
    }
    return context.steps().extra() > 0 ? sharedFactors() : Factors.none(context);
  }

  private DeviceMatrix router() {
    DeviceMatrix router = weights.router();
    if (router == null) {
      throw new IllegalStateException("the plan uses a router that the layer does not have");
    }
    return router;
  }

  /// The shared expert's gate where that gets other rows than the router.
  List<KernelCall> gateApart(FloatArray input) {
    DeviceMatrix gate = weights.sharedGate();
    return gate == null
        ? List.of()
        : List.of(projection.alone("sharedGate", gate, input, sharedLogits));
  }

  /// The same where no router computes it on the way: the last row of the matrix that they share.
  /// The router's logits go where nobody reads them.
  KernelCall sharedGate() {
    return projection.of(
        "sharedGate",
        router(),
        context.floats(Operand.HIDDEN),
        context.arrays().floats(KernelArray.NO_LOGITS),
        sharedLogits);
  }

  List<KernelCall> logits(DenseOperation.RouterLogits op) {
    return List.of(
        projection.of(
            "logits",
            router(),
            context.floats(op.input()),
            context.floats(op.logits()),
            sharedLogits));
  }

  List<KernelCall> select(RouteOperation.SelectExperts op) {
    Router router = layer.router();
    if (router == null) {
      throw new IllegalStateException("a plan without router selects");
    }
    return switch (router.gating()) {
      case TopKGating gating -> {
        if (context.steps().routesInGateUp()) {
          heldSelection = op;
          yield List.of();
        }
        yield List.of(choose(op, gating, router));
      }
      case TableGating table -> List.of(lookUp(op, table));
      case SparseMixer mixer -> List.of(mix(op, mixer));
      case CustomGating custom ->
          throw new IllegalStateException("a function of the user's own was not refused");
    };
  }

  private KernelCall mix(RouteOperation.SelectExperts op, SparseMixer mixer) {
    FloatArray logits = context.floats(op.logits());
    IntArray ids = context.ints(op.ids());
    FloatArray out = context.floats(op.weights());
    return KernelCall.ofItems(
        "select",
        context.tokens(),
        (g, n) ->
            g.task(
                n,
                RouterKernels::sparseMixer,
                context.kernel(),
                context.call(),
                logits,
                ids,
                out,
                layer.globalExperts(),
                mixer.jitter()));
  }

  /// What gate and up need for selecting, or null where they are told.
  @SuppressWarnings("EnumOrdinal") // RoutedKernels counts the scorings as they are listed
  TokenProjections.@Nullable Routing routing() {
    Router router = layer.router();
    if (heldSelection == null || router == null) {
      return null;
    }
    TopKGating gating = (TopKGating) router.gating();
    return new TokenProjections.Routing(
        context.floats(heldSelection.logits()),
        weights.constants(),
        context.floats(heldSelection.weights()),
        Flags.routing(gating.scoring().ordinal())
            | (gating.renormalise() ? Flags.RENORMALISE : 0)
            | (isCorrected(router, gating) ? Flags.CORRECTED : 0));
  }

  private static boolean isCorrected(Router router, TopKGating gating) {
    return router.correctionBias() != null || gating.always() > 0;
  }

  @SuppressWarnings("EnumOrdinal") // RouterKernels counts the scorings as they are listed
  private static int scored(TopKGating gating) {
    return gating.scoring().ordinal()
        | (gating.renormalise() ? RouterKernels.RENORMALISE : 0)
        | (gating.renormalise() && gating.norm() != 1 ? RouterKernels.NORMED : 0);
  }

  private KernelCall lookUp(RouteOperation.SelectExperts op, TableGating gating) {
    Operand key = op.key();
    IntArray table = weights.table();
    if (key == null || table == null) {
      throw new IllegalStateException("a table is looked into without a key");
    }
    FloatArray logits = context.floats(op.logits());
    IntArray tokenIds = context.ints(key);
    IntArray ids = context.ints(op.ids());
    FloatArray out = context.floats(op.weights());
    return KernelCall.ofItems(
        "select",
        context.tokens(),
        (g, n) ->
            g.task(
                n,
                RouterKernels::expertsOfTable,
                context.kernel(),
                context.call(),
                logits,
                weights.constants(),
                tokenIds,
                table,
                ids,
                out,
                layer.globalExperts(),
                scored(gating.scores()),
                layer.topK()));
  }

  private KernelCall choose(RouteOperation.SelectExperts op, TopKGating gating, Router router) {
    TopKGating.Groups groups = gating.groups();
    int groupCount = groups == null ? 0 : groups.count();
    int kept = groups == null ? 0 : groups.kept();
    boolean isSumOfTwo = groups != null && groups.score() == TopKGating.GroupScore.SUM_OF_TWO;
    int how =
        scored(gating)
            | (isCorrected(router, gating) ? RouterKernels.CORRECTED : 0)
            | (router.expertScale() == null ? 0 : RouterKernels.EXPERT_SCALE)
            | (isSumOfTwo ? RouterKernels.SUM_OF_TWO : 0)
            | (groups != null && groups.zeroed() ? RouterKernels.ZEROED : 0);
    int experts = layer.globalExperts();
    int threads = context.hasGroups() ? context.device().threads(4 * experts, MOST_THREADS) : 1;
    FloatArray logits = context.floats(op.logits());
    IntArray ids = context.ints(op.ids());
    FloatArray out = context.floats(op.weights());
    return KernelCall.ofGroups(
        "select",
        context.tokens(),
        threads,
        experts * (2 + RouterKernels.sharesOfRank(experts, threads))
            + threads
            + groupCount
            + layer.topK(),
        (g, n) ->
            g.task(
                n,
                RouterKernels::chooseExperts,
                context.kernel(),
                context.call(),
                logits,
                weights.constants(),
                ids,
                out,
                experts,
                how,
                layer.topK(),
                groupCount,
                kept,
                gating.scale(),
                threads));
  }
}
