package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.tuning.TuningKey;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Turns the steps of one layer in one bucket into kernel calls: those of its router
/// ([RouterCalls]), of its experts for one token at a time ([ExpertCalls]) or for pairs sorted by
/// expert ([GroupedCalls]), and of what lies around them ([ElementCalls]).
public final class LayerCalls {
  private final LayerContext context;
  private final RouterCalls router;
  private final ExpertCalls experts;
  private final GroupedCalls grouped;
  private final ElementCalls elements;

  private LayerCalls(LayerContext context) {
    this.context = context;
    this.router = new RouterCalls(context);
    this.experts = new ExpertCalls(context, router);
    this.grouped = new GroupedCalls(context, router);
    this.elements = new ElementCalls(context);
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
            DeviceArrays.context(),
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
            .mapToObj(i -> calls.get(i).named(prefix + calls.get(i).name() + i))
            .toList();
    named.forEach(kernel -> kernel.requireFits(device.limits()));
    return named;
  }

  private List<KernelCall> calls() {
    List<Operation> operations = context.steps().operations();
    List<KernelCall> calls = new ArrayList<>();
    if (context.weights().isSharedGated()
        && operations.stream().noneMatch(Operation.RouterLogits.class::isInstance)) {
      calls.add(router.sharedGate());
    }
    operations.forEach(operation -> calls.addAll(of(operation)));
    return calls;
  }

  /// One call or several, or none where another step's does the work.
  private List<KernelCall> of(Operation operation) {
    String refusal = UnsupportedSteps.of(context.layer(), operation);
    if (refusal != null) {
      throw new BackendException(refusal);
    }
    return switch (operation) {
      case Operation.RouterLogits op -> router.logits(op);
      case Operation.SelectExperts op -> router.select(op);
      case Operation.WeightInput op -> elements.weightInput(op);
      case Operation.IdentityExperts op -> elements.identities(op);
      case Operation.SharedGateUp op -> experts.sharedGateUp(op);
      case Operation.SharedDown op -> experts.sharedDown(op);
      case Operation.GateUp op -> experts.gateUp(op);
      case Operation.DownReduce op -> experts.downReduce(op);
      case Operation.GroupByExpert op -> grouped.group(op);
      case Operation.GroupedGateUp op -> grouped.gateUp(op);
      case Operation.GroupedDown op -> grouped.down(op);
      case Operation.Reduce op -> elements.reduce(op);
      case Operation.Copy op -> elements.copy(op);
      case Operation.Add op -> elements.add(op);
      case Operation.Zero op -> elements.zero(op);
      default ->
          throw new IllegalStateException(
              String.format(Locale.ROOT, "step \"%s\" was not refused", operation.name()));
    };
  }
}
