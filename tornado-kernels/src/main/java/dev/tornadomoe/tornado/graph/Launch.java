package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.host.Poison;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Some of a plan's layers for up to so many tokens, all on the same arrays.
///
/// @param maxTokens of a call
/// @param arrays of the caller and of the workspace
/// @param call its first element is M
/// @param layers in order
public record Launch(int maxTokens, LayerArrays arrays, IntArray call, List<LaunchLayer> layers) {

  /// The launch of some layers.
  ///
  /// @param places the layers, by their indices in the plan
  /// @param maxTokens at most those of the bucket
  public static Launch of(
      MoePlan plan,
      DeviceWeights weights,
      List<Integer> places,
      BucketPlan bucket,
      int maxTokens,
      DeviceTuning device) {
    LayerArrays arrays = new LayerArrays();
    IntArray call = DeviceArrays.ints(1);
    List<FusedSteps> steps = new ArrayList<>();
    List<LayerArrays.OfLayer> ofLayers = new ArrayList<>();
    for (int place : places) {
      steps.add(
          new FusedSteps(
              weights.layers().get(place),
              device.limits().shape(),
              maxTokens,
              bucket.stepsOf(place)));
      ofLayers.add(arrays.ofLayer(bucket, place, steps.getLast(), maxTokens));
    }
    List<LaunchLayer> layers = new ArrayList<>();
    for (int i = 0; i < places.size(); i++) {
      DeviceLayer layer = weights.layers().get(places.get(i));
      LayerArrays.OfLayer ofLayer = ofLayers.get(i);
      long before = DeviceArrays.allocated();
      List<KernelCall> calls =
          LayerCalls.of(
              String.format(Locale.ROOT, "layer%d_", places.get(i)),
              layer,
              steps.get(i),
              ofLayer,
              call,
              device,
              maxTokens);
      int others = Math.toIntExact(DeviceArrays.allocated() - before);
      layers.add(new LaunchLayer(layer, calls, ofLayer.used(), others));
    }
    if (plan.options().sanitize()) {
      LaunchLayer first = layers.getFirst();
      List<KernelCall> calls = new ArrayList<>(poison(plan, arrays));
      calls.addAll(first.calls());
      layers.set(0, new LaunchLayer(first.layer(), calls, first.rows(), first.others()));
    }
    return new Launch(maxTokens, arrays, call, List.copyOf(layers));
  }

  /// A launch to be made.
  ///
  /// @param maxTokens of a call, at most those of the bucket
  public record Size(BucketPlan bucket, int maxTokens) {}

  /// The launches of a plan's layers, ascending; a call without tokens has none.
  public static List<Size> sizes(MoePlan plan) {
    List<Size> sizes = new ArrayList<>();
    for (BucketPlan bucket : plan.buckets().subList(1, plan.buckets().size())) {
      launchSizes(bucket).forEach(tokens -> sizes.add(new Size(bucket, tokens)));
    }
    return sizes;
  }

  /// A launch's grid has room for its most tokens, and its kernels are cut for as many. Where
  /// tokens are few, each launch has four times the tokens of the one before, from a single one on;
  /// where they are many, eight times.
  private static List<Integer> launchSizes(BucketPlan bucket) {
    List<Integer> sizes = new ArrayList<>();
    if (bucket.minTokens() <= 1) {
      for (int size = 1; size < bucket.maxTokens(); size *= 4) {
        sizes.add(size);
      }
      sizes.add(bucket.maxTokens());
      return sizes;
    }
    for (int size = bucket.maxTokens(); size >= bucket.minTokens(); size /= 8) {
      sizes.addFirst(size);
    }
    return sizes;
  }

  /// Tasks that fill the workspace, and an output that nothing reads, with NaNs first: whoever
  /// reads what nobody wrote gets those.
  private static List<KernelCall> poison(MoePlan plan, LayerArrays arrays) {
    FloatArray nan = DeviceArrays.floats(1);
    List<FloatArray> targets = new ArrayList<>(arrays.scratchFloats());
    if (arrays.caller(CallerRegion.OUTPUT) instanceof FloatArray output && !readsOutput(plan)) {
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
  public static boolean readsOutput(MoePlan plan) {
    return plan.options().call().inPlace()
        || plan.options().call().residual() == Residual.IN_OUTPUT;
  }

  /// The caller's arrays that go up with each execution, M among them.
  List<Object> inputs(MoePlan plan) {
    List<Object> inputs = new ArrayList<>(List.of(call));
    for (CallerRegion region : EnumSet.complementOf(EnumSet.of(CallerRegion.OUTPUT))) {
      Object array = arrays.caller(region);
      if (array != null) {
        inputs.add(array);
      }
    }
    Object output = arrays.caller(CallerRegion.OUTPUT);
    if (readsOutput(plan) && output != null) {
      inputs.add(output);
    }
    return inputs;
  }

  /// Tasks of all layers.
  public int tasks() {
    return layers.stream().mapToInt(layer -> layer.calls().size()).sum();
  }

  /// Tasks that copy into the output.
  public int outputCopies() {
    return (int)
        layers.stream()
            .flatMap(layer -> layer.calls().stream())
            .filter(KernelCall::copiesOutput)
            .count();
  }
}
