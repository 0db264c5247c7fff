package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.Poison;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Some of a plan's layers for up to so many tokens, as one task graph.
///
/// @param name of the graph
/// @param maxTokens of a call
/// @param arrays of the caller and of the workspace
/// @param call its first element is M
/// @param calls in order
record Launch(
    String name, int maxTokens, LayerArrays arrays, IntArray call, List<KernelCall> calls) {

  /// @param places the layers, by their places in the plan
  /// @param maxTokens at most those of the bucket
  static Launch of(
      MoePlan plan,
      DeviceWeights weights,
      List<Integer> places,
      BucketPlan bucket,
      int maxTokens,
      DeviceLimits device) {
    LayerArrays arrays = new LayerArrays();
    IntArray call = DeviceArrays.ints(1);
    List<FusedSteps> steps = new ArrayList<>();
    List<LayerArrays.OfLayer> ofLayers = new ArrayList<>();
    for (int place : places) {
      steps.add(
          new FusedSteps(
              weights.layers().get(place), device.shape(), maxTokens, bucket.stepsOf(place)));
      ofLayers.add(arrays.ofLayer(bucket, place, steps.getLast(), maxTokens));
    }
    List<KernelCall> calls = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      int place = places.get(i);
      calls.addAll(
          LayerCalls.of(
              "layer%d_".formatted(place),
              weights.layers().get(place),
              steps.get(i),
              ofLayers.get(i),
              call,
              device,
              maxTokens));
    }
    if (plan.options().sanitize()) {
      calls.addAll(0, poison(plan, arrays));
    }
    return new Launch(
        "layers%dto%d_%d".formatted(places.getFirst(), places.getLast(), maxTokens),
        maxTokens,
        arrays,
        call,
        List.copyOf(calls));
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

  /// The graph: weights go up once, the caller's rows with each execution, and the output comes
  /// back.
  ///
  /// @param uploads constant arrays
  /// @param maps small ones that each graph uploads for itself
  /// @param owner the graph that has uploaded them already, or null
  TaskGraph graph(
      MoePlan plan,
      List<Object> uploads,
      List<IntArray> maps,
      @Nullable Launch owner,
      GridScheduler grid) {
    TaskGraph graph = new TaskGraph(name);
    Object[] constants = uploads.toArray();
    if (owner == null) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, constants);
    } else {
      graph.consumeFromDevice(owner.name(), constants);
    }
    if (!maps.isEmpty()) {
      graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, maps.toArray());
    }
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
    graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, inputs.toArray());
    calls.forEach(task -> task.appendTo(graph, grid));
    graph.persistOnDevice(constants);
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, output);
    return graph;
  }

  /// Tasks that copy into the output.
  int outputCopies() {
    return (int) calls.stream().filter(KernelCall::copiesOutput).count();
  }
}
