package dev.tornadomoe.tornado.graph;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.plan.BucketPlan;
import dev.tornadomoe.plan.Buffer;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.graph.SessionArrays.Slot;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The arrays behind the operands of a launch. A region of the caller's is one array for all
/// layers, as long as the launch's rows, since TornadoVM transfers arrays whole. Scratch is shared
/// with other launches ([SessionArrays]). Operands that the plan merged have the same array, and an
/// alias is one buffer on the device.
///
/// Within a layer a slot of the workspace is known by its offset: two buffers that begin at the
/// same byte can't be in use at the same time, or the plan would not have passed its check. Slots
/// that overlap otherwise get arrays of their own, which needs more memory and shares less. From
/// layer to layer and from launch to launch the largest slot shares with the largest, the second
/// with the second, and so on.
@SuppressWarnings("ReferenceEquality") // an array is a buffer
public final class LayerArrays {
  private final SessionArrays shared;
  private final int tokens;
  private final Map<CallerRegion, Object> callers = new EnumMap<>(CallerRegion.class);
  private final Map<CallerRegion, Integer> callersSizes = new EnumMap<>(CallerRegion.class);

  /// @param tokens the most of a call
  public LayerArrays(SessionArrays shared, int tokens) {
    this.shared = shared;
    this.tokens = tokens;
  }

  /// The arrays of one layer.
  public final class OfLayer {
    private final BucketPlan bucket;
    private final int index;
    private final FusedSteps steps;
    private final Map<Operand, Integer> sizes;
    private final Map<Slot, Slot> slots = new HashMap<>();
    private final Set<Object> used = Collections.newSetFromMap(new IdentityHashMap<>());

    private OfLayer(BucketPlan bucket, int index, FusedSteps steps) {
      this.bucket = bucket;
      this.index = index;
      this.steps = steps;
      this.sizes = steps.sizes(bucket.maxTokens());
      Map<Slot, Integer> needed = new HashMap<>();
      bucket
          .bindings()
          .get(index)
          .forEach((operand, buffer) -> {
            if (buffer.location() instanceof Buffer.Caller caller) {
              callersSizes.merge(caller.region(), callersElements(buffer), Math::max);
              shared.needRows(caller.region(), callersElements(buffer));
            } else {
              needed.merge(slot(operand, buffer), elements(operand, buffer), Math::max);
            }
          });
      share(needed);
      steps.kernelArrays().forEach((array, elements) -> shared.need(array.slot(), elements));
    }

    /// Numbers slots by their sizes.
    private void share(Map<Slot, Integer> needed) {
      List<Map.Entry<Slot, Integer>> bySize = new ArrayList<>(needed.entrySet());
      bySize.sort(
          Map.Entry.<Slot, Integer>comparingByValue()
              .reversed()
              .thenComparing(entry -> String.valueOf(entry.getKey().owner())));
      int floats = 0;
      int ints = 0;
      for (Map.Entry<Slot, Integer> entry : bySize) {
        boolean isInts = entry.getKey().isInts();
        Slot numbered = new Slot(isInts ? ints++ : floats++, isInts);
        slots.put(entry.getKey(), numbered);
        shared.need(numbered, entry.getValue());
      }
    }

    /// @return where a scratch operand lies: at an offset of the workspace, or by itself
    private Slot slot(Operand operand, Buffer buffer) {
      boolean isInts = buffer.dtype() == DType.I32;
      return steps.outlivesPlan(operand) || !(buffer.location() instanceof Buffer.Slot slot)
          ? new Slot(operand, isInts)
          : new Slot(slot.offset(), isInts);
    }

    private int elements(Operand operand, Buffer buffer) {
      return Math.max(Math.toIntExact(buffer.shape().elements()), sizes.getOrDefault(operand, 1));
    }

    private int callersElements(Buffer buffer) {
      long elements = buffer.shape().elements();
      return Math.toIntExact(
          buffer.location() instanceof Buffer.Caller caller && !caller.region().isPerToken()
              ? elements
              : elements / bucket.maxTokens() * tokens);
    }

    /// How many rows belong to each token: k where they are the pairs'.
    int rowsPerToken(RowOperation.Copy copy) {
      long source = bucket.buffer(index, copy.source()).shape().dimension(0);
      long target = bucket.buffer(index, copy.target()).shape().dimension(0);
      return Math.toIntExact(Math.min(source, target) / bucket.maxTokens());
    }

    /// How many columns the rows of operands have, or of the narrowest.
    int columns(Operand first, Operand... others) {
      int columns = bucket.buffer(index, first).columns();
      for (Operand other : others) {
        columns = Math.min(columns, bucket.buffer(index, other).columns());
      }
      return columns;
    }

    FloatArray floats(Operand operand) {
      return (FloatArray) array(steps.source(operand));
    }

    IntArray ints(Operand operand) {
      return (IntArray) array(operand);
    }

    /// The kernels' own context.
    KernelContext kernel() {
      return shared.kernel();
    }

    /// One of those that kernels take beside operands.
    FloatArray floats(KernelArray array) {
      return (FloatArray) shared.get(array.slot());
    }

    /// The same.
    IntArray ints(KernelArray array) {
      return (IntArray) shared.get(array.slot());
    }

    private Object array(Operand operand) {
      Object array = find(operand);
      used.add(array);
      return array;
    }

    private Object find(Operand operand) {
      Buffer buffer = bucket.buffer(index, operand);
      if (buffer.location() instanceof Buffer.Caller caller) {
        return callers.computeIfAbsent(
            caller.region(),
            region -> {
              int elements = callersSizes.getOrDefault(region, callersElements(buffer));
              return buffer.dtype() == DType.I32
                  ? shared.ids(region, elements)
                  : shared.rows(region, elements);
            });
      }
      return shared.get(slots.getOrDefault(slot(operand, buffer), slot(operand, buffer)));
    }

    /// The operands' arrays that were asked for.
    public Set<Object> used() {
      return used;
    }
  }

  /// What the caller's rows take on the device that layers have said they need.
  public long callersBytes() {
    return callersSizes.values().stream().mapToLong(DeviceArrays::bytes).sum();
  }

  /// Elements of the largest of them.
  public int largest() {
    return callersSizes.values().stream().mapToInt(Integer::intValue).max().orElse(0);
  }

  /// Uses an array of the caller's own for one of their regions.
  public void give(CallerRegion region, Object array) {
    callers.put(region, array);
  }

  /// Says what a layer needs; all layers of all launches do so before the first asks for an array.
  public OfLayer ofLayer(BucketPlan bucket, int index, FusedSteps steps) {
    return new OfLayer(bucket, index, steps);
  }

  /// The array of one of the caller's regions, or null when nothing uses it.
  public @Nullable Object caller(CallerRegion region) {
    return callers.get(region);
  }

  /// Whether an array is one of the caller's.
  boolean isCallers(Object array) {
    return callers.values().stream().anyMatch(caller -> caller == array);
  }

  /// What all launches share.
  SessionArrays shared() {
    return shared;
  }
}
