package dev.tornadomoe.tornado.device;

import dev.tornadomoe.tornado.kernel.Spans;

/// What a device can do, as far as kernels depend on it.
///
/// @param name for messages
/// @param workGroup most work-items of a work-group
/// @param localBytes local memory of a work-group
/// @param bufferBytes the largest buffer
/// @param memoryBytes all of its memory
/// @param shape which kernels suit it
public record DeviceLimits(
    String name,
    long workGroup,
    long localBytes,
    long bufferBytes,
    long memoryBytes,
    KernelShape shape) {
  /// TornadoVM's arrays begin with a header.
  private static final int HEADER_BYTES = 16;

  /// Elements of 4 bytes that an array can have on the device.
  public long mostElements() {
    return Math.min((bufferBytes - HEADER_BYTES) / 4, Spans.MOST_ELEMENTS);
  }

  /// Work-items of a work-group that shares some pieces of work: no more than there are, and not
  /// too many for the device.
  public int threads(int pieces) {
    return threads(pieces, 256);
  }

  /// The same with another limit.
  ///
  /// @param most of them, a power of two
  public int threads(int pieces, int most) {
    int threads = 16;
    while (threads < pieces && threads < most && threads * 2L <= workGroup) {
      threads *= 2;
    }
    return threads;
  }
}
