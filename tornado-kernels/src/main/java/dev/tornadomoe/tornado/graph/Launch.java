package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.backend.host.Poison;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.kernel.ElementKernels;
import dev.tornadomoe.tornado.tuning.DeviceTuning;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import dev.tornadomoe.tornado.weights.StreamedExperts;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Some of a plan's layers for up to so many tokens, all on the same arrays.
///
/// @param maxTokens of a call
/// @param arrays of the caller and of the workspace
/// @param layers in order
public record Launch(int maxTokens, LayerArrays arrays, List<LaunchLayer> layers) {

  /// The launch of some layers.
  ///
  /// @param indices the layers, by their indices in the plan
  public static Launch of(
      MoePlan plan,
      DeviceWeights weights,
      List<Integer> indices,
      LaunchArrays arrays,
      DeviceTuning device) {
    List<LaunchLayer> layers = new ArrayList<>();
    for (int index : indices) {
      DeviceLayer layer = weights.layers().get(index);
      LayerArrays.OfLayer ofLayer = arrays.ofLayers().get(index);
      List<KernelCall> calls =
          LayerCalls.of(
              String.format(Locale.ROOT, "layer%d_", index),
              layer,
              arrays.steps().get(index),
              ofLayer,
              arrays.arrays().shared().call(),
              device,
              arrays.size().maxTokens());
      layers.add(new LaunchLayer(index, layer, calls, ofLayer.used()));
    }
    if (plan.options().sanitize()) {
      LaunchLayer first = layers.getFirst();
      List<KernelCall> calls = new ArrayList<>(poison(plan, arrays.arrays(), layers));
      calls.addAll(first.calls());
      layers.set(0, new LaunchLayer(first.index(), first.layer(), calls, first.rows()));
    }
    return new Launch(arrays.size().maxTokens(), arrays.arrays(), List.copyOf(layers));
  }

  /// All launches of a session, which share what is on the device.
  ///
  /// @param groups layers that run together, by their indices in the plan
  /// @param rows has the host memory of the caller's rows
  /// @return for each group its launches, ascending
  public static List<List<Launch>> all(
      MoePlan plan,
      DeviceWeights weights,
      List<List<Integer>> groups,
      DeviceTuning device,
      SegmentAllocator rows) {
    SessionArrays shared = new SessionArrays(rows);
    List<LaunchArrays> arrays =
        sizes(plan).stream()
            .map(size -> LaunchArrays.of(size, weights.layers(), device.limits().shape(), shared))
            .toList();
    return groups.stream()
        .map(indices ->
            arrays.stream()
                .filter(each -> each.size().maxTokens() >= fewestTokens(plan, indices))
                .map(each -> of(plan, weights, indices, each, device))
                .toList())
        .toList();
  }

  /// Calls of layers whose weights go up each time never have less.
  private static int fewestTokens(MoePlan plan, List<Integer> indices) {
    return StreamedExperts.of(plan, indices.getFirst())
        .map(StreamedExperts::fromTokens)
        .map(tokens -> Math.min(tokens, plan.options().chunkTokens()))
        .orElse(1);
  }

  /// What a task is launched with, in the terms of [KernelCall].
  public record TaskSize(String name, int items, int local, int localBytes) {}

  /// {@return what its tasks are launched with, in order}
  public List<TaskSize> taskSizes() {
    return layers.stream()
        .flatMap(layer -> layer.calls().stream())
        .map(call -> new TaskSize(call.name(), call.items(), call.local(), call.localBytes()))
        .toList();
  }

  /// The smallest launch for so many tokens.
  public static Launch smallest(List<Launch> ascending, int tokens) {
    return ascending.stream()
        .filter(launch -> tokens <= launch.maxTokens())
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no launch for " + tokens + " tokens"));
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

  /// Tasks that fill the workspace, and results that nothing reads, with NaNs first: a task that
  /// reads what nobody wrote gets those.
  private static List<KernelCall> poison(
      MoePlan plan, LayerArrays arrays, List<LaunchLayer> layers) {
    FloatArray nan = (FloatArray) arrays.shared().get(KernelArray.POISON.slot());
    KernelContext context = arrays.shared().kernel();
    Set<FloatArray> targets = Collections.newSetFromMap(new IdentityHashMap<>());
    for (LaunchLayer layer : layers) {
      for (Object array : layer.rows()) {
        if (array instanceof FloatArray floats && !arrays.isCallers(array)) {
          targets.add(floats);
        }
      }
    }
    int first = layers.getFirst().index();
    Set<CallerRegion> unread = plan.results(first);
    unread.removeAll(plan.regionsRead(first));
    for (CallerRegion region : unread) {
      if (arrays.caller(region) instanceof FloatArray result) {
        targets.add(result);
      }
    }
    List<KernelCall> calls = new ArrayList<>();
    for (FloatArray target : targets) {
      int size = target.getSize();
      calls.add(
          KernelCall.ofItems(
                  "poison",
                  size,
                  (g, n) -> {
                    nan.set(0, Poison.nan());
                    g.transferToDevice(DataTransferMode.FIRST_EXECUTION, nan);
                    g.task(n, ElementKernels::fill, context, nan, target, size);
                  })
              .named("poison" + calls.size()));
    }
    return calls;
  }

  /// The caller's arrays that go up with each execution, M among them.
  List<Object> inputs(MoePlan plan) {
    List<Object> inputs = new ArrayList<>(List.of(arrays.shared().call()));
    addTo(inputs, plan.regionsRead(layers.getFirst().index()));
    return inputs;
  }

  /// The caller's arrays that come back with each execution.
  List<Object> results(MoePlan plan) {
    List<Object> results = new ArrayList<>();
    addTo(results, plan.results(layers.getFirst().index()));
    return results;
  }

  private void addTo(List<Object> list, Set<CallerRegion> regions) {
    for (CallerRegion region : regions) {
      Object array = arrays.caller(region);
      if (array != null) {
        list.add(array);
      }
    }
  }

  /// Says how many tokens the next execution has.
  void setTokens(int tokens) {
    arrays.shared().call().set(0, tokens);
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
