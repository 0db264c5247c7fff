package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.tornado.device.DeviceArrays;
import java.util.HashMap;
import java.util.Map;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Arrays that all launches of all layers share, since one runs after the other: scratch, as large
/// as the largest of them needs, and M. Who needs what is said before the first array is asked for.
public final class SessionArrays {
  private final Map<Slot, Integer> sizes = new HashMap<>();
  private final Map<Slot, Object> arrays = new HashMap<>();
  private final IntArray call = DeviceArrays.ints(1);
  private final KernelContext kernel = DeviceArrays.context();

  /// A place for an array.
  ///
  /// @param owner what has it to itself while a layer runs
  record Slot(Object owner, boolean isInts) {}

  public SessionArrays() {
    for (KernelArray array : KernelArray.values()) {
      need(array.slot(), 1);
    }
  }

  /// Says how many elements a layer needs.
  void need(Slot slot, int elements) {
    if (arrays.containsKey(slot) && sizes.getOrDefault(slot, 0) < elements) {
      throw new IllegalStateException("there is a smaller array already: " + slot);
    }
    sizes.merge(slot, elements, Math::max);
  }

  Object get(Slot slot) {
    return arrays.computeIfAbsent(
        slot,
        s -> {
          int elements = sizes.getOrDefault(s, 0);
          return s.isInts() ? DeviceArrays.ints(elements) : DeviceArrays.floats(elements);
        });
  }

  /// Its first element is M.
  IntArray call() {
    return call;
  }

  /// The kernels' own context.
  KernelContext kernel() {
    return kernel;
  }

  /// What all arrays take that are needed, on the host and again on the device.
  public long bytes() {
    return DeviceArrays.bytes(1) + sizes.values().stream().mapToLong(DeviceArrays::bytes).sum();
  }
}
