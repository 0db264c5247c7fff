package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.layer.CustomGating;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tornado.graph.DeviceStep.Kernels;
import dev.tornadomoe.tornado.graph.DeviceStep.Refusal;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.TuningKey;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Turns the steps of one layer in one bucket into kernel calls: those of its router
/// ([RouterMlpCalls], [RouterCalls]), of its experts for one token at a time ([ExpertCalls]) or for
/// pairs sorted by expert ([GroupedCalls]), of what lies around them ([ElementCalls]), and of norms
/// ([NormCalls]).
public final class LayerCalls {
  private final LayerContext context;
  private final RouterMlpCalls routerMlp;
  private final RouterCalls router;
  private final ExpertCalls experts;
  private final GroupedCalls grouped;
  private final ElementCalls elements;
  private final NormCalls norms;

  private LayerCalls(LayerContext context) {
    this.context = context;
    this.routerMlp = new RouterMlpCalls(context);
    this.router = new RouterCalls(context);
    this.experts = new ExpertCalls(context, router);
    this.grouped = new GroupedCalls(context, router);
    this.elements = new ElementCalls(context);
    this.norms = new NormCalls(context, elements);
  }

  /// The calls of a layer, in order, none beyond the device's limits.
  ///
  /// @param prefix of all tasks' names; the kind of kernel and the call's number follow
  /// @param call its first element is M
  /// @param tokens the most of the launch
  public static List<KernelCall> of(
      String prefix,
      DeviceLayer weights,
      FusedSteps steps,
      LayerArrays.OfLayer arrays,
      IntArray call,
      DeviceTuning device,
      int tokens) {
    TuningKey key = TuningKey.of(weights, steps.extra(), device.limits().shape());
    LayerContext context =
        new LayerContext(
            arrays.kernel(),
            call,
            device.limits(),
            weights,
            steps,
            arrays,
            device.tuning(key, tokens),
            tokens);
    List<KernelCall> calls = new LayerCalls(context).calls();
    List<KernelCall> named =
        IntStream.range(0, calls.size())
            .mapToObj(i -> calls.get(i).named(prefix + calls.get(i).kind() + i))
            .toList();
    named.forEach(kernel -> kernel.requireFits(device.limits()));
    return named;
  }

  private List<KernelCall> calls() {
    List<Operation> operations = context.steps().operations();
    List<KernelCall> calls = new ArrayList<>();
    if (context.steps().gatesWithoutRouter()) {
      calls.add(router.sharedGate());
    }
    operations.forEach(operation -> calls.addAll(of(operation)));
    return calls;
  }

  /// One call or several, or none where another step's does the work.
  private List<KernelCall> of(Operation operation) {
    return switch (step(context.layer(), operation)) {
      case Kernels kernels -> kernels.calls().apply(this);
      case Refusal refusal -> throw new BackendException(refusal.sentence());
    };
  }

  /// One of the projections around experts with rows of another size.
  private List<KernelCall> latent(
      String kind, @Nullable DeviceMatrix matrix, Operand input, Operand target) {
    if (matrix == null) {
      throw new IllegalStateException("the plan uses a projection that the layer does not have");
    }
    return List.of(
        new DenseProjection(context)
            .alone(kind, matrix, context.floats(input), context.floats(target)));
  }

  /// What a device does about an operation of a layer: the one list of what has kernels.
  static DeviceStep step(MoeLayer layer, Operation operation) {
    return switch (operation) {
      case DenseOperation.RouterIn op -> new Kernels(calls -> calls.routerMlp.in(op));
      case DenseOperation.RouterHidden op -> new Kernels(calls -> calls.routerMlp.hidden(op));
      case RowOperation.RouterStates op -> new Kernels(calls -> calls.routerMlp.states(op));
      case DenseOperation.RouterLogits op -> new Kernels(calls -> calls.router.logits(op));
      case DenseOperation.SharedGateUp op -> new Kernels(calls -> calls.experts.sharedGateUp(op));
      case DenseOperation.SharedDown op -> new Kernels(calls -> calls.experts.sharedDown(op));
      case DenseOperation.LatentIn op ->
          new Kernels(calls ->
              calls.latent(
                  "latentIn", calls.context.weights().latentIn(), op.input(), op.target()));
      case DenseOperation.LatentOut op ->
          new Kernels(calls ->
              calls.latent(
                  "latentOut", calls.context.weights().latentOut(), op.input(), op.target()));
      case RowOperation.Copy op -> new Kernels(calls -> calls.elements.copy(op));
      case RowOperation.Add op -> new Kernels(calls -> calls.elements.add(op));
      case RowOperation.Norm op -> new Kernels(calls -> calls.norms.norm(op));
      case RowOperation.OwnNorm op -> new Kernels(calls -> calls.norms.ownNorm(op));
      case RowOperation.Zero op -> new Kernels(calls -> calls.elements.zero(op));
      case RowOperation.WeightInput op -> new Kernels(calls -> calls.elements.weightInput(op));
      case RowOperation.IdentityExperts op -> new Kernels(calls -> calls.elements.identities(op));
      case RouteOperation.SelectExperts op ->
          layer.router() != null && layer.router().gating() instanceof CustomGating
              ? DeviceStep.ownRouting(layer)
              : new Kernels(calls -> calls.router.select(op));
      case RouteOperation.GroupByExpert op -> new Kernels(calls -> calls.grouped.group(op));
      case RouteOperation.Dispatch op -> DeviceStep.withoutKernel(layer, op);
      case ExpertOperation.GateUp op -> new Kernels(calls -> calls.experts.gateUp(op));
      case ExpertOperation.GroupedGateUp op -> new Kernels(calls -> calls.grouped.gateUp(op));
      case ExpertOperation.GroupedDown op -> new Kernels(calls -> calls.grouped.down(op));
      case ExpertOperation.BatchedGateUp op -> DeviceStep.withoutKernel(layer, op);
      case ExpertOperation.BatchedDown op -> DeviceStep.withoutKernel(layer, op);
      case ReduceOperation.DownReduce op -> new Kernels(calls -> calls.experts.downReduce(op));
      case ReduceOperation.Reduce op -> new Kernels(calls -> calls.elements.reduce(op));
      case ReduceOperation.ReduceNorm op -> new Kernels(calls -> calls.norms.reduceNorm(op));
      case ReduceOperation.BatchedReduce op -> DeviceStep.withoutKernel(layer, op);
      case OffloadOperation op -> DeviceStep.withoutKernel(layer, op);
      case CustomOperation op -> DeviceStep.withoutKernel(layer, op);
    };
  }
}
