package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.SparseMixer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.RouterKernels;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of a layer's router: logits, the shared expert's gate beside them, and selection.
final class RouterCalls {
  private final String prefix;
  private final KernelContext context;
  private final IntArray call;
  private final DeviceLimits device;
  private final DeviceLayer weights;
  private final MoeLayer layer;
  private final FusedSteps steps;
  private final LayerArrays.OfLayer arrays;
  private final ProjectionCalls projections;
  private final List<KernelCall> calls;
  private final int tokens;
  private final FloatArray sharedLogits;
  private RouteOperation.@Nullable SelectExperts heldSelection;

  /// @param projections what makes the calls that multiply
  /// @param calls what they are added to
  /// @param tokens the most of the launch
  RouterCalls(
      String prefix,
      KernelContext context,
      IntArray call,
      DeviceLimits device,
      DeviceLayer weights,
      FusedSteps steps,
      LayerArrays.OfLayer arrays,
      ProjectionCalls projections,
      List<KernelCall> calls,
      int tokens) {
    this.prefix = prefix;
    this.context = context;
    this.call = call;
    this.device = device;
    this.weights = weights;
    this.layer = weights.layer();
    this.steps = steps;
    this.arrays = arrays;
    this.projections = projections;
    this.calls = calls;
    this.tokens = tokens;
    this.sharedLogits = DeviceArrays.floats(weights.isSharedGated() ? tokens : 1);
  }

  /// Logits of the shared expert's gate `[M]`, if it has one.
  FloatArray sharedLogits() {
    return sharedLogits;
  }

  private DeviceMatrix router() {
    DeviceMatrix router = weights.router();
    if (router == null) {
      throw new IllegalStateException("the plan uses a router that the layer does not have");
    }
    return router;
  }

  /// The shared expert's gate, where no router computes it on the way: the last row of the matrix
  /// that they share. The router's logits go where nobody reads them.
  void sharedGate() {
    DeviceMatrix router = router();
    projections.project(
        "sharedGate",
        router,
        arrays.floats(Operand.HIDDEN),
        DeviceArrays.floats(Math.max(1, Math.multiplyExact(tokens, weights.routerRows()))),
        sharedLogits,
        weights.routerRows(),
        router.rows(),
        tokens);
  }

  void logits(DenseOperation.RouterLogits op) {
    DeviceMatrix router = router();
    projections.project(
        "logits",
        router,
        arrays.floats(op.input()),
        arrays.floats(op.logits()),
        sharedLogits,
        weights.routerRows(),
        router.rows(),
        tokens);
  }

  void select(RouteOperation.SelectExperts op) {
    Router router = layer.router();
    if (router == null) {
      throw new IllegalStateException("a plan without router selects");
    }
    switch (router.gating()) {
      case TopKGating gating -> {
        if (steps.routesInGateUp()) {
          heldSelection = op;
        } else {
          choose(op, gating, router.correctionBias() != null);
        }
      }
      case SparseMixer mixer -> {
        FloatArray logits = arrays.floats(op.logits());
        IntArray ids = arrays.ints(op.ids());
        FloatArray out = arrays.floats(op.weights());
        calls.add(
            new KernelCall(
                prefix + "select" + calls.size(),
                tokens,
                0,
                0,
                (g, n) ->
                    g.task(
                        n,
                        RouterKernels::sparseMixer,
                        context,
                        call,
                        logits,
                        ids,
                        out,
                        layer.globalExperts(),
                        mixer.jitter()),
                false));
      }
      case CustomGating custom ->
          throw new IllegalStateException("a function of the user's own was not refused");
    }
  }

  /// What gate and up need for selecting, or null where they are told.
  @SuppressWarnings("EnumOrdinal") // RoutedKernels counts the scorings as they are listed
  ProjectionCalls.@Nullable Routing routing() {
    Router router = layer.router();
    if (heldSelection == null || router == null) {
      return null;
    }
    TopKGating gating = (TopKGating) router.gating();
    return new ProjectionCalls.Routing(
        arrays.floats(heldSelection.logits()),
        weights.constants(),
        arrays.floats(heldSelection.weights()),
        Flags.routing(gating.scoring().ordinal())
            | (gating.renormalise() ? Flags.RENORMALISE : 0)
            | (router.correctionBias() == null ? 0 : Flags.CORRECTED));
  }

  @SuppressWarnings("EnumOrdinal") // RouterKernels counts the scorings as they are listed
  private void choose(RouteOperation.SelectExperts op, TopKGating gating, boolean isCorrected) {
    TopKGating.Groups groups = gating.groups();
    int groupCount = groups == null ? 0 : groups.count();
    int kept = groups == null ? 0 : groups.kept();
    boolean isSumOfTwo = groups != null && groups.score() == TopKGating.GroupScore.SUM_OF_TWO;
    int how =
        gating.scoring().ordinal()
            | (gating.renormalise() ? RouterKernels.RENORMALISE : 0)
            | (isCorrected ? RouterKernels.CORRECTED : 0)
            | (isSumOfTwo ? RouterKernels.SUM_OF_TWO : 0);
    int experts = layer.globalExperts();
    int threads = device.shape() == KernelShape.WORK_GROUPS ? device.threads(experts) : 1;
    FloatArray logits = arrays.floats(op.logits());
    IntArray ids = arrays.ints(op.ids());
    FloatArray out = arrays.floats(op.weights());
    calls.add(
        new KernelCall(
            prefix + "select" + calls.size(),
            Math.multiplyExact(tokens, threads),
            threads,
            4 * (2 * experts + 2 * threads + groupCount),
            (g, n) ->
                g.task(
                    n,
                    RouterKernels::chooseExperts,
                    context,
                    call,
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
                    threads),
            false));
  }
}
