package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tornado.device.DeviceArrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The arrays behind the operands of layers that run together. A region of the caller's is one
/// array, and so is a slot of the workspace, for all of them: operands that the plan merged have
/// the same array, and an alias is one buffer on the device.
///
/// A slot is known by its offset: two buffers that begin at the same byte can't be in use at the
/// same time, or the plan would not have passed its check. Slots that overlap otherwise get arrays
/// of their own, which needs more memory and shares less.
public final class LayerArrays {
  private final Map<CallerRegion, Object> callers = new EnumMap<>(CallerRegion.class);
  private final Map<CallerRegion, Integer> callersSizes = new EnumMap<>(CallerRegion.class);
  private final Map<Object, Integer> slotSizes = new HashMap<>();
  private final Map<Object, Object> slots = new LinkedHashMap<>();

  /// Where a scratch operand of one layer lies.
  ///
  /// @param owner what shares it: the offset in the workspace, or the operand itself
  private record SlotKey(Object owner, boolean isInts) {}

  /// The arrays of one layer.
  public final class OfLayer {
    private final BucketPlan bucket;
    private final int place;
    private final FusedSteps steps;
    private final Map<Operand, Integer> sizes;
    private final int tokens;
    private final Set<Object> used = Collections.newSetFromMap(new IdentityHashMap<>());

    private OfLayer(BucketPlan bucket, int place, FusedSteps steps, int tokens) {
      this.bucket = bucket;
      this.tokens = tokens;
      this.place = place;
      this.steps = steps;
      this.sizes = steps.sizes(bucket.maxTokens());
      bucket
          .bindings()
          .get(place)
          .forEach((operand, buffer) -> {
            if (buffer.location() instanceof Buffer.Caller caller) {
              callersSizes.merge(caller.region(), callersElements(buffer), Math::max);
            } else {
              slotSizes.merge(key(operand, buffer), elements(operand, buffer), Math::max);
            }
          });
    }

    private SlotKey key(Operand operand, Buffer buffer) {
      boolean isInts = buffer.dtype() == DType.I32;
      return steps.outlivesPlan(operand) || !(buffer.location() instanceof Buffer.Slot slot)
          ? new SlotKey(operand, isInts)
          : new SlotKey(slot.offset(), isInts);
    }

    private int elements(Operand operand, Buffer buffer) {
      return Math.max(Math.toIntExact(buffer.shape().elements()), sizes.getOrDefault(operand, 1));
    }

    /// Rows of the launch's tokens, not of the bucket's: TornadoVM transfers arrays whole.
    private int callersElements(Buffer buffer) {
      return Math.toIntExact(buffer.shape().elements() / bucket.maxTokens() * tokens);
    }

    FloatArray floats(Operand operand) {
      return (FloatArray) array(steps.source(operand));
    }

    IntArray ints(Operand operand) {
      return (IntArray) array(operand);
    }

    private Object array(Operand operand) {
      Object array = find(operand);
      used.add(array);
      return array;
    }

    private Object find(Operand operand) {
      Buffer buffer = bucket.buffer(place, operand);
      if (buffer.location() instanceof Buffer.Caller caller) {
        return callers.computeIfAbsent(
            caller.region(), region -> allocate(buffer, callersElements(buffer)));
      }
      SlotKey key = key(operand, buffer);
      return slots.computeIfAbsent(key, k -> allocate(buffer, slotSizes.getOrDefault(k, 1)));
    }

    /// The arrays that were asked for.
    Set<Object> used() {
      return used;
    }
  }

  private static Object allocate(Buffer buffer, int elements) {
    return buffer.dtype() == DType.I32
        ? DeviceArrays.ints(elements)
        : DeviceArrays.floats(elements);
  }

  /// Bytes of arrays.
  ///
  /// @param callers rows of the caller
  /// @param scratch the workspace
  public record Sizes(long callers, long scratch) {
    public Sizes plus(Sizes other) {
      return new Sizes(
          Math.addExact(callers, other.callers), Math.addExact(scratch, other.scratch));
    }
  }

  /// What all arrays take that layers have said they need.
  public Sizes sizes() {
    return new Sizes(bytes(callersSizes), bytes(slotSizes));
  }

  private static long bytes(Map<?, Integer> sizes) {
    return sizes.values().stream().mapToLong(DeviceArrays::bytes).sum();
  }

  /// Uses an array of the caller's own for one of their regions.
  public void give(CallerRegion region, Object array) {
    callers.put(region, array);
  }

  /// Says what a layer needs; all layers do so before the first asks for an array.
  ///
  /// @param tokens the most of a call
  public OfLayer ofLayer(BucketPlan bucket, int place, FusedSteps steps, int tokens) {
    return new OfLayer(bucket, place, steps, tokens);
  }

  /// The array of one of the caller's regions, or null when nothing uses it.
  public @Nullable Object caller(CallerRegion region) {
    return callers.get(region);
  }

  /// The workspace's arrays of floats.
  List<FloatArray> scratchFloats() {
    return slots.values().stream()
        .filter(FloatArray.class::isInstance)
        .map(FloatArray.class::cast)
        .toList();
  }
}
