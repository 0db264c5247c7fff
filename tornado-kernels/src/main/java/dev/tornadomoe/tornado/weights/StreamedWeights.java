package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Weights that go up with each call of their layer. Layers that are kept alike share the arrays of
/// one of them, their window, the one with the most experts: those of fewer experts are the first
/// elements of these. Here are the windows' layers and each layer's own arrays, in host memory.
///
/// @param windows by each streamed layer's index in the plan, the index of the layer that it shares
///   arrays with
/// @param loaded by each streamed layer's index
public record StreamedWeights(Map<Integer, Integer> windows, Map<Integer, DeviceLayer> loaded) {
  public static final StreamedWeights NONE = new StreamedWeights(Map.of(), Map.of());

  /// What decides whether two layers are kept alike.
  private record Kind(
      int half,
      Storage gateUp,
      Storage down,
      int experts,
      int topK,
      int intermediate,
      boolean isGated,
      boolean hasUpBias,
      boolean hasDownBias,
      Activation activation) {
    static Kind of(StreamedExperts streamed, MoeLayer layer, LayerStorage storage) {
      Mlp first = layer.experts().local().getFirst();
      return new Kind(
          streamed.half(),
          storage.gateUp(),
          storage.down(),
          layer.globalExperts(),
          layer.topK(),
          layer.intermediate(),
          first.isGated(),
          layer.experts().local().stream().anyMatch(mlp -> mlp.upBias() != null),
          layer.experts().local().stream().anyMatch(mlp -> mlp.downBias() != null),
          layer.experts().activation());
    }
  }

  /// Which layers share arrays with which.
  ///
  /// @param storages of all of the plan's layers
  public static Map<Integer, Integer> windows(MoePlan plan, List<LayerStorage> storages) {
    List<Integer> streamed =
        IntStream.range(0, storages.size())
            .filter(index -> StreamedExperts.of(plan, index).isPresent())
            .boxed()
            .toList();
    Map<Kind, Integer> largest = new HashMap<>();
    for (int index : streamed) {
      largest.merge(
          kind(plan, storages, index),
          index,
          (a, b) -> experts(plan, b) > experts(plan, a) ? b : a);
    }
    Map<Integer, Integer> windows = new HashMap<>();
    for (int index : streamed) {
      windows.put(index, largest.getOrDefault(kind(plan, storages, index), index));
    }
    return windows;
  }

  private static Kind kind(MoePlan plan, List<LayerStorage> storages, int index) {
    return Kind.of(
        StreamedExperts.of(plan, index).orElseThrow(),
        plan.layers().get(index),
        storages.get(index));
  }

  /// The layer whose arrays a layer uses: its own unless it shares a window.
  public int window(int layer) {
    return windows.getOrDefault(layer, layer);
  }

  private static int experts(MoePlan plan, int index) {
    return plan.layers().get(index).experts().local().size();
  }

  /// Elements that go up, or are copied, to the first ones of a window's array.
  ///
  /// @param array of the window
  /// @param own the layer's own, as many or fewer
  public record Elements(TornadoNativeArray array, MemorySegment own) {

    /// Copies them.
    public void copy() {
      MemorySegment.copy(own, 0, array.getSegment(), 0, own.byteSize());
    }
  }

  /// Bytes that go up for a call of one layer, of that which has the most; 0 where there is none.
  public long largestBytes() {
    return loaded.values().stream().mapToLong(StreamedWeights::bytes).max().orElse(0);
  }

  private static long bytes(DeviceLayer layer) {
    return layer.expertArrays().stream()
        .mapToLong(array -> ((TornadoNativeArray) array).getSegment().byteSize())
        .sum();
  }

  /// What goes up for a call of a layer; empty where its weights are on the device.
  ///
  /// @param window the layer whose arrays it uses
  public List<Elements> elements(int layer, DeviceLayer window) {
    DeviceLayer own = loaded.get(layer);
    if (own == null) {
      return List.of();
    }
    List<Elements> elements = new ArrayList<>();
    List<Object> to = window.expertArrays();
    List<Object> from = own.expertArrays();
    for (int i = 0; i < from.size(); i++) {
      elements.add(
          new Elements(
              (TornadoNativeArray) to.get(i), ((TornadoNativeArray) from.get(i)).getSegment()));
    }
    return elements;
  }
}
