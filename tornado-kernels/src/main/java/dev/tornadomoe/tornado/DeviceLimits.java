package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.ByteSize;
import java.util.Locale;

/// What a device can do, as far as kernels depend on it.
///
/// @param name for messages
/// @param workGroup most work-items of a work-group
/// @param localBytes local memory of a work-group
/// @param bufferBytes the largest buffer
/// @param memoryBytes all of its memory
/// @param shape which kernels suit it
/// @param tunings how they are cut best on it, as far as it was measured
record DeviceLimits(
    String name,
    long workGroup,
    long localBytes,
    long bufferBytes,
    long memoryBytes,
    KernelShape shape,
    Tunings tunings) {
  /// TornadoVM's arrays begin with a header.
  private static final int HEADER_BYTES = 16;

  DeviceLimits with(Tunings others) {
    return new DeviceLimits(name, workGroup, localBytes, bufferBytes, memoryBytes, shape, others);
  }

  /// The measured cut for a launch, or the guess where there is none, or none that can run here.
  ///
  /// @param tokens the most of the launch
  Tuning tuning(TuningKey key, int tokens) {
    return tunings
        .find(key, tokens)
        .filter(tuning -> tuning.fits(this, key))
        .orElseGet(() -> Tuning.guess(this, key, tokens));
  }

  /// Elements of 4 bytes that an array can have on the device.
  long mostElements() {
    return Math.min((bufferBytes - HEADER_BYTES) / 4, Integer.MAX_VALUE - 16);
  }

  /// Work-items of a work-group that shares some pieces of work: no more than there are, and not
  /// too many for the device.
  int threads(int pieces) {
    return threads(pieces, 256);
  }

  /// The same with another limit.
  ///
  /// @param most of them, a power of two
  int threads(int pieces, int most) {
    int threads = 16;
    while (threads < pieces && threads < most && threads * 2L <= workGroup) {
      threads *= 2;
    }
    return threads;
  }

  /// Refuses what would run with a size of the driver's choice, and wrongly.
  void require(KernelCall call) {
    if (call.local() > workGroup) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "kernel %s needs work-groups of %d, device %s has at most %d",
              call.name(),
              call.local(),
              name,
              workGroup));
    }
    if (call.localBytes() > localBytes) {
      throw new BackendException(
          String.format(
              Locale.ROOT,
              "kernel %s needs %s of local memory, device %s has %s",
              call.name(),
              ByteSize.format(call.localBytes()),
              name,
              ByteSize.format(localBytes)));
    }
  }
}
