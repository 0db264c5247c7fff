package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.RouterMlp;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tornado.kernel.Flags;
import dev.tornadomoe.tornado.kernel.RouterStatesKernels;
import dev.tornadomoe.tornado.weights.DeviceRouterMlp;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Calls of what stands before the logits of a router that is an MLP.
final class RouterMlpCalls {
  private final LayerContext context;
  private final DenseProjection projection;

  RouterMlpCalls(LayerContext context) {
    this.context = context;
    this.projection = new DenseProjection(context);
  }

  private RouterMlp mlp() {
    Router router = context.layer().router();
    if (router == null || router.mlp() == null) {
      throw withoutMlp();
    }
    return router.mlp();
  }

  private DeviceRouterMlp weights() {
    DeviceRouterMlp weights = context.weights().routerMlp();
    if (weights == null) {
      throw withoutMlp();
    }
    return weights;
  }

  private static IllegalStateException withoutMlp() {
    return new IllegalStateException("the plan uses a router's MLP that the layer does not have");
  }

  List<KernelCall> in(DenseOperation.RouterIn op) {
    return List.of(
        projection.alone(
            "routerIn", weights().in(), context.floats(op.input()), context.floats(op.target())));
  }

  List<KernelCall> hidden(DenseOperation.RouterHidden op) {
    int activated = Flags.ACTIVATED | KernelActivation.flags(mlp().activation().function());
    return List.of(
        projection.alone(
            "routerHidden",
            weights().hidden().get(op.index()).withFlags(activated),
            context.floats(op.input()),
            context.floats(op.target())));
  }

  List<KernelCall> states(RowOperation.RouterStates op) {
    KernelContext kernel = context.kernel();
    IntArray call = context.call();
    FloatArray rows = context.floats(op.rows());
    FloatArray states = context.floats(op.states());
    FloatArray scaled = weights().statesScale();
    FloatArray scale = scaled == null ? context.arrays().floats(KernelArray.NO_FACTORS) : scaled;
    FloatArray weights = weights().norm();
    float epsilon = mlp().norm().norm().epsilon();
    int goesOn = op.goesOn() ? 1 : 0;
    int width = mlp().size();
    int threads = context.device().threads(width, NormCalls.MOST_THREADS);
    return List.of(
        context.hasGroups()
            ? KernelCall.ofGroups(
                "routerStates",
                context.tokens(),
                threads,
                threads,
                (g, n) ->
                    g.task(
                        n,
                        RouterStatesKernels::goOn,
                        kernel,
                        call,
                        rows,
                        states,
                        scale,
                        weights,
                        epsilon,
                        goesOn,
                        width,
                        threads))
            : KernelCall.ofItems(
                "routerStates",
                context.tokens(),
                (g, n) ->
                    g.task(
                        n,
                        RouterStatesKernels::goOnRows,
                        kernel,
                        call,
                        rows,
                        states,
                        scale,
                        weights,
                        epsilon,
                        goesOn,
                        width)));
  }
}
