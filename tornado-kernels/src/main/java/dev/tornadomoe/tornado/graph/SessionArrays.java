package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tornado.device.DeviceArrays;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Arrays that all launches of all layers share, since one runs after the other: scratch, as large
/// as the largest of them needs, and M. Who needs what is said before the first array is asked for.
/// The caller's rows have an array for each launch, since TornadoVM transfers arrays whole; on the
/// host those of a region begin at the same byte.
public final class SessionArrays {
  private final Map<Slot, Integer> sizes = new HashMap<>();
  private final Map<Slot, Object> arrays = new HashMap<>();
  private final Map<CallerRegion, Integer> rowSizes = new EnumMap<>(CallerRegion.class);
  private final Map<CallerRegion, MemorySegment> rowMemory = new EnumMap<>(CallerRegion.class);
  private final SegmentAllocator rows;
  private final IntArray call = DeviceArrays.ints(1);
  private final KernelContext kernel = DeviceArrays.context();

  /// A place for an array.
  ///
  /// @param owner what has it to itself while a layer runs
  record Slot(Object owner, boolean isInts) {}

  /// With rows in ordinary memory.
  public SessionArrays() {
    this(Arena.ofAuto());
  }

  /// @param rows has the memory of the caller's rows, which go up and come back with each step
  public SessionArrays(SegmentAllocator rows) {
    this.rows = rows;
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

  /// Says how many elements a launch needs of one of the caller's regions.
  void needRows(CallerRegion region, int elements) {
    rowSizes.merge(region, elements, Math::max);
  }

  /// A new array for rows of the caller's.
  FloatArray rows(CallerRegion region, int elements) {
    return DeviceArrays.floats(elements, SegmentAllocator.prefixAllocator(memory(region)));
  }

  /// A new array for ids of the caller's.
  IntArray ids(CallerRegion region, int elements) {
    return DeviceArrays.ints(elements, SegmentAllocator.prefixAllocator(memory(region)));
  }

  private MemorySegment memory(CallerRegion region) {
    return rowMemory.computeIfAbsent(
        region, r -> rows.allocate(DeviceArrays.bytes(rowSizes.getOrDefault(r, 0)), 64));
  }

  /// What the caller's rows take on the host.
  public long rowBytes() {
    return rowSizes.values().stream().mapToLong(DeviceArrays::bytes).sum();
  }

  /// Its first element is M.
  IntArray call() {
    return call;
  }

  /// The kernels' own context.
  KernelContext kernel() {
    return kernel;
  }

  /// Elements of the largest array that is needed.
  public int largest() {
    return sizes.values().stream().mapToInt(Integer::intValue).max().orElse(0);
  }

  /// What all arrays take that are needed, on the host and again on the device.
  public long bytes() {
    return DeviceArrays.bytes(1) + sizes.values().stream().mapToLong(DeviceArrays::bytes).sum();
  }
}
