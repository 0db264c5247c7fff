package dev.tornadomoe.tornado.weights;

import static java.util.Objects.requireNonNull;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.LayerWeights;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tornado.device.DeviceLimits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The weights of a plan's layers in TornadoVM arrays, in host memory. Each execution plan uploads
/// them to the device for itself.
///
/// @param layers in the plan's order; one whose weights go up with each call is its window's
/// @param streamed the weights that go up with each call
/// @param memory that they were loaded from
public record DeviceWeights(
    List<DeviceLayer> layers, StreamedWeights streamed, WeightMemory memory) {

  /// Loads them, for a plan none of whose weights go up with each call.
  ///
  /// @param arena of their host memory
  public static DeviceWeights load(
      MoePlan plan, DeviceLimits device, Progress progress, Arena arena) {
    return load(plan, device, progress, arena, arena, StreamedWeights.NONE);
  }

  /// Loads them.
  ///
  /// @param arena of the host memory of what goes up once
  /// @param lasting has the host memory of what goes up with each call
  /// @param known what of that was loaded for another session, or nothing
  public static DeviceWeights load(
      MoePlan plan,
      DeviceLimits device,
      Progress progress,
      Arena arena,
      SegmentAllocator lasting,
      StreamedWeights known) {
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
    Map<Integer, Integer> windows = StreamedWeights.windows(plan, storages);
    Map<Integer, DeviceLayer> streamed = new HashMap<>(known.loaded());
    List<DeviceLayer> layers = new ArrayList<>();
    for (int i = 0; i < storages.size(); i++) {
      MoeLayer layer = plan.layers().get(i);
      memory.addAll(LayerWeights.ofSteps(layer));
      DeviceLayer there = streamed.get(i);
      if (there == null) {
        boolean lasts = windows.containsKey(i);
        there =
            LayerLoader.load(
                layer,
                storages.get(i),
                (weight, segments) -> {
                  memory.addAll(segments);
                  done[0] = Math.min(total, done[0] + weight.bytes());
                  progress.update(done[0], total);
                },
                lasts ? lasting : arena);
        if (lasts) {
          streamed.put(i, there);
        }
      }
      layers.add(there);
    }
    Map<Integer, DeviceLayer> rooms = new HashMap<>();
    windows.forEach((index, window) ->
        layers.set(
            index,
            rooms.computeIfAbsent(window, of -> requireNonNull(streamed.get(of)).withRoom())));
    return new DeviceWeights(
        List.copyOf(layers),
        new StreamedWeights(windows, Map.copyOf(streamed)),
        new WeightMemory(memory));
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
