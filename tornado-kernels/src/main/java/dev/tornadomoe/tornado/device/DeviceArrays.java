package dev.tornadomoe.tornado.device;

import java.lang.foreign.SegmentAllocator;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// Where all arrays for the device are allocated, so that no two of them have the same hash code:
/// TornadoVM knows the arrays of a graph by it, and would take two for one. Identity hash codes
/// have 31 bits, which is enough for chance to find two that are equal.
public final class DeviceArrays {
  private static final DeviceArrays ALL = new DeviceArrays(System::identityHashCode);

  private final ToIntFunction<Object> hash;
  private final Map<Integer, Known> known = new HashMap<>();
  private final ReferenceQueue<Object> dead = new ReferenceQueue<>();
  private long added;

  /// An array that may be in use.
  private static final class Known extends WeakReference<Object> {
    private final int code;

    Known(Object array, int code, ReferenceQueue<Object> queue) {
      super(array, queue);
      this.code = code;
    }
  }

  /// Arrays that are told apart by this.
  DeviceArrays(ToIntFunction<Object> hash) {
    this.hash = hash;
  }

  public static FloatArray floats(int elements) {
    return ALL.distinct(() -> new FloatArray(elements));
  }

  /// An array with these elements.
  static FloatArray floats(float[] elements) {
    return ALL.distinct(() -> FloatArray.fromArray(elements));
  }

  /// An array in host memory of the caller's choice, such as an arena that is closed when the array
  /// has been uploaded.
  public static FloatArray floats(int elements, SegmentAllocator host) {
    return ALL.distinct(() -> FloatArray.fromSegmentShallow(host.allocate(bytes(elements), 64)));
  }

  /// The same.
  public static IntArray ints(int elements, SegmentAllocator host) {
    return ALL.distinct(() -> IntArray.fromSegmentShallow(host.allocate(bytes(elements), 64)));
  }

  /// What an array of so many elements takes, on the host and on the device.
  public static long bytes(int elements) {
    return TornadoNativeArray.ARRAY_HEADER + 4L * elements;
  }

  public static IntArray ints(int elements) {
    return ALL.distinct(() -> new IntArray(elements));
  }

  /// A context, which is an argument of tasks as arrays are.
  public static KernelContext context() {
    return ALL.distinct(KernelContext::new);
  }

  /// How many there have been so far.
  public static long allocated() {
    return ALL.added();
  }

  /// Whether an array that others have allocated is told from all of these.
  public static boolean admits(Object array) {
    return ALL.add(array);
  }

  /// Allocates until nothing else has the array's hash code.
  <T> T distinct(Supplier<T> allocation) {
    T array = allocation.get();
    while (!add(array)) {
      array = allocation.get();
    }
    return array;
  }

  /// Adds an array, unless another one that is in use has its hash code.
  synchronized boolean add(Object array) {
    for (Reference<?> gone = dead.poll(); gone != null; gone = dead.poll()) {
      if (gone instanceof Known last) {
        known.remove(last.code, last);
      }
    }
    int code = hash.applyAsInt(array);
    Known other = known.get(code);
    if (other != null && !other.refersTo(array) && !other.refersTo(null)) {
      return false;
    }
    known.put(code, new Known(array, code, dead));
    added++;
    return true;
  }

  private synchronized long added() {
    return added;
  }
}
