package dev.tornadomoe.tornado.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// A kernel's work-items, as arrays of `size_t` that OpenCL reads.
///
/// @param dimensions 1 to 3
/// @param offset of the first work-item; null where it is zero
/// @param global work-items in all
/// @param local work-items of a work-group; null where the driver chooses
record WorkSize(int dimensions, MemorySegment offset, MemorySegment global, MemorySegment local) {

  /// From Java's arrays, which may be longer than there are dimensions.
  static WorkSize of(
      int dimensions, long @Nullable [] offset, long[] global, long @Nullable [] local) {
    return new WorkSize(
        dimensions,
        nativeArray(offset, dimensions),
        nativeArray(global, dimensions),
        nativeArray(local, dimensions));
  }

  private static MemorySegment nativeArray(long @Nullable [] values, int count) {
    if (values == null) {
      return MemorySegment.NULL;
    }
    MemorySegment segment = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG, count);
    MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_LONG, 0, count);
    return segment;
  }
}
