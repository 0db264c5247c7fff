package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.MemoryBudget;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.ByteSize;
import dev.tornadomoe.tensor.Weight;
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
/// @param bytes of all arrays
/// @param memory that they were loaded from
record DeviceWeights(List<DeviceLayer> layers, long bytes, WeightMemory memory) {

  /// Loads them, after checking that they fit.
  ///
  /// @throws BackendException when they, or the plan's own arrays, fit neither host nor device
  static DeviceWeights load(MoePlan plan, DeviceLimits device, Progress progress) {
    List<LayerStorage> storages =
        plan.layers().stream().map(layer -> LayerStorage.of(layer, device.mostElements())).toList();
    long bytes = 0;
    for (int i = 0; i < storages.size(); i++) {
      bytes += storages.get(i).bytes(plan.layers().get(i));
    }
    requireRoom(plan, device, bytes);
    long total =
        plan.layers().stream()
            .flatMap(layer -> LayerWeights.of(layer).stream())
            .mapToLong(Weight::bytes)
            .sum();
    long[] done = {0};
    Set<MemorySegment> memory = new LinkedHashSet<>();
    List<DeviceLayer> layers = new ArrayList<>();
    for (int i = 0; i < storages.size(); i++) {
      MoeLayer layer = plan.layers().get(i);
      layers.add(
          LayerLoader.load(
              layer,
              storages.get(i),
              (weight, segments) -> {
                memory.addAll(segments);
                done[0] = Math.min(total, done[0] + weight.bytes());
                progress.update(done[0], total);
              }));
    }
    return new DeviceWeights(List.copyOf(layers), bytes, new WeightMemory(memory));
  }

  /// Refuses what can't end well, before the first byte is uploaded.
  static void requireRoom(MoePlan plan, DeviceLimits device, long weightBytes) {
    long needed = Math.addExact(weightBytes, plan.workspaceBytes());
    if (needed > device.memoryBytes()) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "the plan (%d %s) needs %s on device %s, which has %s",
              plan.layers().size(),
              plan.layers().size() == 1 ? "layer" : "layers",
              ByteSize.format(needed),
              device.name(),
              ByteSize.format(device.memoryBytes())));
    }
    MemoryBudget.require("the arrays that are uploaded to the device", weightBytes);
  }
}
