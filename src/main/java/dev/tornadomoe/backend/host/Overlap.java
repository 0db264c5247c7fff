package dev.tornadomoe.backend.host;

import java.lang.foreign.MemorySegment;

/// Whether two segments have bytes in common.
final class Overlap {
  private Overlap() {}

  /// Whether both begin and end at the same bytes.
  static boolean isSame(MemorySegment a, MemorySegment b) {
    return a.byteSize() == b.byteSize() && a.address() == b.address() && haveSameBase(a, b);
  }

  static boolean exists(MemorySegment a, MemorySegment b) {
    return a.address() < b.address() + b.byteSize()
        && b.address() < a.address() + a.byteSize()
        && haveSameBase(a, b);
  }

  /// Whether both are native, or over the same array. A read-only segment does not show its array;
  /// its scope does, which for heap segments is equal for the same array only.
  private static boolean haveSameBase(MemorySegment a, MemorySegment b) {
    return a.isNative() == b.isNative() && (a.isNative() || a.scope().equals(b.scope()));
  }
}
