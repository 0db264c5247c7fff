package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.device.DeviceLimits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The weights of a plan's layers in TornadoVM arrays, in host memory. Each execution plan uploads
/// them to the device for itself.
///
/// @param layers in the plan's order
/// @param memory that they were loaded from
public record DeviceWeights(List<DeviceLayer> layers, WeightMemory memory) {

  /// Loads them.
  ///
  /// @param arena of their host memory
  public static DeviceWeights load(
      MoePlan plan, DeviceLimits device, Progress progress, Arena arena) {
    LayerWeights.requireVectors(plan.layers());
    List<LayerStorage> storages = storages(plan, device);
    long total =
        plan.layers().stream()
            .flatMap(layer -> LayerWeights.of(layer).stream())
            .mapToLong(Weight::bytes)
            .sum();
    progress.update(0, total);
    long[] done = {0};
    Set<MemorySegment> memory = new LinkedHashSet<>();
    List<DeviceLayer> layers = new ArrayList<>();
    for (int i = 0; i < storages.size(); i++) {
      MoeLayer layer = plan.layers().get(i);
      memory.addAll(LayerWeights.ofSteps(layer));
      layers.add(
          LayerLoader.load(
              layer,
              storages.get(i),
              (weight, segments) -> {
                memory.addAll(segments);
                done[0] = Math.min(total, done[0] + weight.bytes());
                progress.update(done[0], total);
              },
              arena));
    }
    return new DeviceWeights(List.copyOf(layers), new WeightMemory(memory));
  }

  /// How each layer's weights are kept on a device.
  public static List<LayerStorage> storages(MoePlan plan, DeviceLimits device) {
    return plan.layers().stream().map(layer -> LayerStorage.of(layer, device)).toList();
  }

  /// As in `the plan (3 layers)`.
  public static String name(MoePlan plan) {
    return String.format(
        Locale.ROOT,
        "the plan (%d %s)",
        plan.layers().size(),
        plan.layers().size() == 1 ? "layer" : "layers");
  }
}
