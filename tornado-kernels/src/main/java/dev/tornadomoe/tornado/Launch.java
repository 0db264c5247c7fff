package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.Poison;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Some of a plan's layers for up to so many tokens, as task graphs that run in a row on the same
/// arrays.
///
/// @param maxTokens of a call
/// @param arrays of the caller and of the workspace
/// @param call its first element is M
/// @param graphs in order
record Launch(int maxTokens, LayerArrays arrays, IntArray call, List<LaunchGraph> graphs) {

  /// @param groups the layers, by their places in the plan; each group is a graph
  /// @param maxTokens at most those of the bucket
  static Launch of(
      MoePlan plan,
      DeviceWeights weights,
      List<List<Integer>> groups,
      BucketPlan bucket,
      int maxTokens,
      DeviceLimits device) {
    LayerArrays arrays = new LayerArrays();
    IntArray call = DeviceArrays.ints(1);
    Map<Integer, FusedSteps> steps = new HashMap<>();
    Map<Integer, LayerArrays.OfLayer> ofLayers = new HashMap<>();
    for (List<Integer> group : groups) {
      for (int place : group) {
        FusedSteps fused =
            new FusedSteps(
                weights.layers().get(place), device.shape(), maxTokens, bucket.stepsOf(place));
        steps.put(place, fused);
        ofLayers.put(place, arrays.ofLayer(bucket, place, fused, maxTokens));
      }
    }
    List<LaunchGraph> graphs = new ArrayList<>();
    for (List<Integer> group : groups) {
      List<DeviceLayer> layers = new ArrayList<>();
      List<KernelCall> calls = new ArrayList<>();
      Set<Object> used = Collections.newSetFromMap(new IdentityHashMap<>());
      for (int place : group) {
        DeviceLayer layer = weights.layers().get(place);
        LayerArrays.OfLayer ofLayer = Objects.requireNonNull(ofLayers.get(place));
        layers.add(layer);
        calls.addAll(
            LayerCalls.of(
                "layer%d_".formatted(place),
                layer,
                Objects.requireNonNull(steps.get(place)),
                ofLayer,
                call,
                device,
                maxTokens));
        used.addAll(ofLayer.used());
      }
      if (plan.options().sanitize()) {
        calls.addAll(0, poison(plan, arrays));
      }
      graphs.add(
          new LaunchGraph(
              "layers%dto%d_%d".formatted(group.getFirst(), group.getLast(), maxTokens),
              layers,
              List.copyOf(calls),
              used));
    }
    return new Launch(maxTokens, arrays, call, List.copyOf(graphs));
  }

  /// Tasks that fill the workspace, and an output that nothing reads, with NaNs first: whoever
  /// reads what nobody wrote gets those.
  private static List<KernelCall> poison(MoePlan plan, LayerArrays arrays) {
    FloatArray nan = DeviceArrays.floats(1);
    List<FloatArray> targets = new ArrayList<>(arrays.scratchFloats());
    if (arrays.caller("output") instanceof FloatArray output && !readsOutput(plan)) {
      targets.add(output);
    }
    List<KernelCall> calls = new ArrayList<>();
    KernelContext context = DeviceArrays.context();
    for (FloatArray target : targets) {
      int size = target.getSize();
      calls.add(
          new KernelCall(
              "poison" + calls.size(),
              size,
              0,
              0,
              (g, n) -> {
                nan.set(0, Poison.nan());
                g.transferToDevice(DataTransferMode.FIRST_EXECUTION, nan);
                g.task(n, ElementKernels::fill, context, nan, target, size);
              },
              false));
    }
    return calls;
  }

  /// Whether a call's output holds something that is read.
  static boolean readsOutput(MoePlan plan) {
    return plan.options().call().inPlace()
        || plan.options().call().residual() == Residual.IN_OUTPUT;
  }

  /// The caller's arrays that go up with each execution, M among them.
  List<Object> inputs(MoePlan plan) {
    List<Object> inputs = new ArrayList<>(List.of(call));
    for (String region : List.of("hidden", "residual", "topk_ids", "topk_weights")) {
      Object array = arrays.caller(region);
      if (array != null) {
        inputs.add(array);
      }
    }
    Object output = arrays.caller("output");
    if (readsOutput(plan) && output != null) {
      inputs.add(output);
    }
    return inputs;
  }

  /// Tasks of all graphs.
  int tasks() {
    return graphs.stream().mapToInt(graph -> graph.calls().size()).sum();
  }

  /// Tasks that copy into the output.
  int outputCopies() {
    return (int)
        graphs.stream()
            .flatMap(graph -> graph.calls().stream())
            .filter(KernelCall::copiesOutput)
            .count();
  }
}
